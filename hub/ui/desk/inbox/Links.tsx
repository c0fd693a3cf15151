import { ActionIcon, Button, Modal, TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Contact } from '../api'
import { say } from '../parts/ask'
import { useReturn, useWho } from '../parts/bits'
import { Icon } from '../parts/icons'
import { people } from '../parts/queries'
import { useChange } from './change'

export function Links({ c }: { c: Contact }) {
  const { t } = useTranslation()
  const who = useWho()
  const change = useChange(c.id)
  const [open, setOpen] = useState(false)
  return (
    <section>
      <h2 className="section">
        {t('contact.linked')}
        <ActionIcon variant="subtle" color="gray" c="var(--mut)" size={26} aria-label={t('contact.link')} onClick={() => setOpen(true)} data-testid="link-contact"><Icon name="link" small /></ActionIcon>
      </h2>
      {c.linked.length === 0 && <p className="meta">{t('contact.notLinked')}</p>}
      {c.linked.map((l) => (
        <div className="addr" key={l.link_id} data-testid="linked-contact">
          <span className="value">
            <Link to="/contacts/$id" params={{ id: String(l.id) }}>{who(l)}</Link>
            <span className="meta" style={{ display: 'block' }}>{l.linked_by ? t('contact.linkedBy', { name: l.linked_by.name }) : t('contact.linkedAuto')}</span>
          </span>
          <Button variant="default" onClick={() => change.mutate(() => api.unlink(c.id, l.link_id), { onSuccess: () => say(t('contact.unlinked')) })} data-testid="unlink">{t('contact.unlink')}</Button>
        </div>
      ))}
      {open && <LinkContact c={c} close={() => setOpen(false)} />}
    </section>
  )
}

/** Say that somebody else in the records is the same person; `begin` is what is looked for first. */
export function LinkContact({ c, begin = '', close }: { c: Contact; begin?: string; close: () => void }) {
  const { t } = useTranslation()
  const change = useChange(c.id)
  return (
    <LinkDialog
      c={c} begin={begin} close={close}
      pick={(other) =>
        change.mutate(() => api.link(c.id, other), {
          onSuccess: () => {
            close()
            say(t('contact.linkDone'))
          },
        })
      }
    />
  )
}

function LinkDialog({ c, begin, close, pick }: { c: Contact; begin: string; close: () => void; pick: (id: number) => void }) {
  const { t } = useTranslation()
  const who = useWho()
  const [text, setText] = useState(begin)
  useReturn()
  const [q] = useDebouncedValue(text.trim(), 250)
  const found = useInfiniteQuery({ ...people(q), enabled: q.length > 1 })
  const linked = new Set([c.id, ...c.linked.map((l) => l.id)])
  const items = (found.data?.pages[0]?.items ?? []).filter((x) => !linked.has(x.id)).slice(0, 8)
  return (
    <Modal opened onClose={close} title={t('contact.link')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <p className="mut" style={{ marginBottom: 10 }}>{t('contact.linkText', { name: who(c) })}</p>
      <TextInput value={text} onChange={(e) => setText(e.currentTarget.value)} label={t('contact.search')} maxLength={200} data-autofocus data-testid="link-search" mb="sm" />
      {q.length > 1 && found.isSuccess && items.length === 0 && <p className="mut">{t('contact.nobody')}</p>}
      <ul style={{ listStyle: 'none', padding: 0, margin: 0 }}>
        {items.map((x) => (
          <li key={x.id} className="addr">
            <div className="grow">
              <div dir="auto" className="cut">{who(x)}</div>
              <div dir="auto" className="meta cut">{x.addresses.filter((a) => a.kind !== 'visitor').map((a) => a.value).join(' · ')}</div>
            </div>
            <Button variant="default" onClick={() => pick(x.id)} data-testid="link-pick">{t('contact.linkThis')}</Button>
          </li>
        ))}
      </ul>
    </Modal>
  )
}
