import { Button } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, originalUrl, type Interaction } from '../api'
import { number } from '../format'
import { complain } from '../parts/ask'
import { download } from '../parts/download'
import { Icon } from '../parts/icons'
import { Words } from '../parts/Words'
import { useSaid } from '../parts/said'
import { InvitationCard } from './InvitationCard'
import { MailFrame } from './MailFrame'

/** What a message says: its words without the quote below, the rest one click away. */
export function MessageBody({ i, who }: { i: Interaction; who: string }) {
  const { t } = useTranslation()
  const [whole, setWhole] = useState(false)
  const [images, setImages] = useState(false)
  const [text, setText] = useState<string | null>(null)
  const mail = i.mail
  const said = useSaid()
  const more = useMutation({
    mutationFn: () => api.fullText(i.id),
    onSuccess: (full) => {
      setText(full.text)
      setWhole(true)
    },
    onError: complain,
  })
  const redirect = useMutation({ mutationFn: () => api.takeReplyTo(i.id), onError: complain })
  // Files alone are shown below; a call, and what the hub notes by itself, are said in the reader's words.
  const ours = i.said?.code.startsWith('file.') ? null : i.said
  const shown = whole && text !== null ? text : said(i.text, ours)
  const nothing = mail && !mail.unreadable && !mail.invitation && i.html === null && !shown.trim() && i.attachments.length === 0
  const toggle = () => {
    if (whole) setWhole(false)
    else if (i.html !== null || text !== null) setWhole(true)
    else more.mutate()
  }
  return (
    <>
      {mail?.unreadable && (
        <div className="letterbar warn" role="note" data-testid="mail-unreadable">
          <Icon name="warn" small />
          <span className="grow">{t('mail.unreadable')}</span>
        </div>
      )}
      {mail?.forwarded_by && <div className="meta" data-testid="mail-forwarded">{t('mail.forwardedBy', { name: mail.forwarded_by })}</div>}
      {mail?.reply_to && mail.reply_to.toLowerCase() !== i.address?.toLowerCase() && (
        mail.reply_to_followed
          ? <div className="meta" data-testid="mail-reply-to">{t('mail.replyTo', { address: mail.reply_to })}</div>
          : (
            <div className="letterbar warn" role="note" data-testid="mail-reply-to">
              <Icon name="warn" small />
              <span className="grow">{t('mail.replyToUnproved', { address: mail.reply_to, known: i.address })}</span>
              <Button variant="default" loading={redirect.isPending} onClick={() => redirect.mutate()} data-testid="take-reply-to">{t('mail.takeReplyTo')}</Button>
            </div>
          )
      )}
      {mail?.claims && <div className="meta" data-testid="mail-claims">{t('mail.claims', { number: mail.claims })}</div>}
      {mail?.invitation && <InvitationCard i={i} invitation={mail.invitation} />}
      {mail && mail.blocked_images > 0 && !images && i.html !== null && (
        <div className="letterbar" role="note" data-testid="images-blocked">
          <span className="grow">{t('mail.imagesBlocked')}</span>
          <Button variant="default" onClick={() => setImages(true)} data-testid="show-images">{t('mail.showImages')}</Button>
        </div>
      )}
      {i.html !== null
        ? <MailFrame id={i.id} title={t('conv.mailFrom', { name: who })} whole={whole} images={images} />
        : nothing
          ? <div className="meta" data-testid="mail-nothing">{t('mail.nothing')}</div>
          : <div dir="auto" className="body"><Words text={shown} /></div>}
      {mail && mail.left_out > 0 && i.html === null && (
        <div className="letterbar warn" role="note" data-testid="left-out">
          <Icon name="warn" small />
          <span className="grow">{t('mail.leftOut', { count: mail.left_out, shown: number(mail.left_out) })}</span>
        </div>
      )}
      {mail && i.direction === 'in' && (
        <div className="lettertools">
          {mail.trimmed && (
            <Button variant="subtle" color="gray" loading={more.isPending} onClick={toggle} aria-expanded={whole} data-testid="show-whole">
              {t(whole ? 'mail.showLess' : 'mail.showWhole')}
            </Button>
          )}
          <Button component="a" variant="subtle" color="gray" href={originalUrl(i.id)} download onClick={download} data-testid="original">{t('mail.original')}</Button>
        </div>
      )}
    </>
  )
}
