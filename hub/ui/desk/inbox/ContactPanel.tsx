import { ActionIcon, Button, NativeSelect, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Contact, type NewAddress } from '../api'
import { CallHistory } from '../calls/CallHistory'
import { explain } from '../parts/ask'
import { Empty, Loading, initials, useWho } from '../parts/bits'
import { useNow } from '../parts/clock'
import { fullDate, languageName, localTime } from '../format'
import { Icon, type IconName } from '../parts/icons'
import { contact as contactQuery, conversation as conversationQuery } from '../parts/queries'
import { ConsentSection } from '../messaging/Consent'
import '../messaging/messaging.css'
import { useDialogs } from '../shell/me'
import { useChange } from './change'
import { LinkContact, Links } from './Links'
import { Timeline } from './Timeline'

const kinds: Record<string, IconName> = { email: 'mail', phone: 'phone', whatsapp: 'whatsapp', visitor: 'chat' }

export function ContactPanel({ id, conversation, timeline = true }: { id: number; conversation?: number | null; timeline?: boolean }) {
  const found = useQuery(contactQuery(id))
  if (found.isPending) return <Loading />
  if (found.isError) return <Empty icon="warn" title={explain(found.error)} />
  const c = found.data
  return (
    <>
      <Identity c={c} page={!timeline} conversation={conversation ?? null} />
      <Facts c={c} />
      <Addresses c={c} />
      <ConsentSection c={c} />
      {conversation != null && <CallHistory conversation={conversation} number={c.addresses.find((a) => a.kind === 'phone')?.value} />}
      <Links c={c} />
      {timeline && <Timeline key={id} contact={id} current={conversation} />}
    </>
  )
}

/** Who wrote last here, and whether that was proved: another address of theirs proves nothing for this one. */
function useSender(conversation: number | null): { address: string; verified: boolean } | null {
  const found = useQuery({ ...conversationQuery(conversation ?? 0), enabled: conversation !== null }).data
  const last = found?.interactions.filter((i) => i.direction === 'in' && i.kind === 'message').at(-1)
  return last?.address ? { address: last.address, verified: last.verified } : null
}

function Identity({ c, page, conversation }: { c: Contact; page: boolean; conversation: number | null }) {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const who = useWho()
  const change = useChange(c.id)
  const [name, setName] = useState<string | null>(null)
  const sender = useSender(conversation)
  const save = () => {
    const next = name?.trim()
    if (next && next !== c.name) change.mutate(() => api.patchContact(c.id, { name: next }))
    setName(null)
  }
  return (
    <section>
      {!page && <h2 className="section">{t('contact.title')}</h2>}
      {name === null ? (
        <div className="hflex">
          <span className="avatar big" aria-hidden="true">{initials(who(c))}</span>
          <div className="grow">
            <div className="hflex" style={{ gap: 2 }}>
              {page ? <h1 dir="auto" className="cut" data-testid="contact-name">{who(c)}</h1> : (
                <Link to="/contacts/$id" params={{ id: String(c.id) }} dir="auto" className="cut" style={{ fontSize: 16, fontWeight: 600, color: 'inherit' }} data-testid="contact-name">{who(c)}</Link>
              )}
              <ActionIcon variant="subtle" color="gray" c="var(--mut)" size={26} aria-label={t('contact.rename')} onClick={() => setName(c.name)}><Icon name="edit" small /></ActionIcon>
            </div>
            {sender && (
              <span className={`pill ${sender.verified ? 'ok' : 'soon'}`} title={t(sender.verified ? 'contact.verifiedHint' : 'contact.unverifiedHint')} data-testid="identity" data-verified={sender.verified}>
                {sender.verified && <Icon name="check" small />}{t(sender.verified ? 'contact.verified' : 'contact.unverified')}
              </span>
            )}
          </div>
        </div>
      ) : (
        <form
          className="hflex"
          onSubmit={(e) => {
            e.preventDefault()
            save()
          }}
        >
          <TextInput
            size="xs" className="grow" aria-label={t('contact.name')} maxLength={200} value={name} autoFocus onChange={(e) => setName(e.currentTarget.value)}
            onKeyDown={(e) => {
              if (e.key === 'Escape') setName(null)
            }}
          />
          <Button type="submit">{t('common.save')}</Button>
          <Button variant="default" onClick={() => setName(null)}>{t('common.cancel')}</Button>
        </form>
      )}
      <div className="hflex" style={{ marginTop: 10 }}>
        <Button variant="default" leftSection={<Icon name="send" small />} onClick={() => dialogs.compose(c.id)}>{t('contact.write')}</Button>
        {c.open_conversations > 0 && <span className="meta">{t('contact.open', { n: c.open_conversations })}</span>}
      </div>
    </section>
  )
}

function Facts({ c }: { c: Contact }) {
  const { t } = useTranslation()
  useNow(30_000)
  const time = localTime(c.timezone)
  const rows: [string, string][] = []
  if (c.locale) rows.push([t('contact.language'), languageName(c.locale) ?? c.locale])
  if (time) rows.push([t('contact.localTime'), time])
  rows.push([t('contact.since'), fullDate(c.created_at)])
  for (const [k, v] of Object.entries(c.attributes)) {
    if (v !== null && v !== '') rows.push([k.replaceAll('_', ' '), typeof v === 'object' ? JSON.stringify(v) : String(v)])
  }
  return (
    <section>
      <h2 className="section">{t('contact.details')}</h2>
      <dl className="kv" style={{ margin: 0 }}>
        {rows.map(([k, v]) => <div key={k} style={{ display: 'contents' }}><dt>{k}</dt><dd>{v}</dd></div>)}
      </dl>
    </section>
  )
}

function Addresses({ c }: { c: Contact }) {
  const { t } = useTranslation()
  const change = useChange(c.id)
  const [adding, setAdding] = useState(false)
  const [kind, setKind] = useState<NewAddress['kind']>('email')
  const [value, setValue] = useState('')
  return (
    <section>
      <h2 className="section">
        {t('contact.addresses')}
        <ActionIcon variant="subtle" color="gray" c="var(--mut)" size={26} aria-label={t('contact.addAddress')} onClick={() => setAdding(!adding)}><Icon name={adding ? 'close' : 'plus'} small /></ActionIcon>
      </h2>
      {c.addresses.map((a) => (
        <div className="addr" key={a.id}>
          <span className="mut" title={t(`kind.${a.kind}`)}><Icon name={kinds[a.kind] ?? 'person'} small /><span className="sr">{t(`kind.${a.kind}`)}</span></span>
          <span className="value">{a.kind === 'visitor' ? t('contact.visitor') : a.value}</span>
          <span className="pills">
            {a.opted_out && <span className="pill late">{t('contact.optedOut')}</span>}
            <span className={`pill ${a.verified ? 'ok' : 'soon'}`} title={t(a.verified ? 'contact.verifiedHint' : 'contact.unverifiedHint')}>
              {t(a.verified ? 'contact.addressVerified' : 'contact.addressUnverified')}
            </span>
          </span>
        </div>
      ))}
      {c.said.map((address) => <Said key={address} c={c} address={address} />)}
      {c.addresses.length === 0 && <p className="mut">{t('contact.noAddress')}</p>}
      {adding && (
        <form
          className="hflex" style={{ marginTop: 6 }}
          onSubmit={(e) => {
            e.preventDefault()
            if (!value.trim()) return
            change.mutate(() => api.addAddress(c.id, kind, value.trim()), {
              onSuccess: () => {
                setValue('')
                setAdding(false)
              },
            })
          }}
        >
          <NativeSelect size="xs" w={92} aria-label={t('contact.addressKind')} value={kind} onChange={(e) => setKind(e.currentTarget.value as NewAddress['kind'])} data={['email', 'phone', 'whatsapp'].map((k) => ({ value: k, label: t(`kind.${k}`) }))} />
          <TextInput size="xs" className="grow" aria-label={t('contact.address')} maxLength={320} value={value} autoFocus onChange={(e) => setValue(e.currentTarget.value)} placeholder={kind === 'email' ? 'name@example.com' : '+44 20 7946 0000'} />
          <Button type="submit" loading={change.isPending}>{t('common.add')}</Button>
        </form>
      )}
    </section>
  )
}

/** An address somebody gave in the chat: nobody proved it, but it may belong to somebody we know. */
function Said({ c, address }: { c: Contact; address: string }) {
  const { t } = useTranslation()
  const [searching, setSearching] = useState(false)
  return (
    <div className="addr said" data-testid="said">
      <span className="mut"><Icon name="chat" small /></span>
      <span className="value">{address}</span>
      <span className="pill soon" title={t('contact.saidHint')}>{t('contact.said')}</span>
      <button type="button" className="linklike" onClick={() => setSearching(true)} aria-label={t('contact.saidSearch', { address })} data-testid="said-search">{t('contact.find')}</button>
      {searching && <LinkContact c={c} begin={address} close={() => setSearching(false)} />}
    </div>
  )
}
