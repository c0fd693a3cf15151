import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useId, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Address, type NewAddress } from '../api'
import { freshId } from '../../realtime/ids'
import { Counter, excess } from '../messaging/Counter'
import '../messaging/messaging.css'
import { asSent, type Filling, isWhole, TemplatePicker } from '../messaging/TemplatePicker'
import { explain } from '../parts/ask'
import { useChannelName, useReturn, useWho } from '../parts/bits'
import { places, contact as contactQuery } from '../parts/queries'
import { can, isMail, writable } from '../state/channels'

/** What its customers are written to by; visitors are written to by nobody first. */
const kindOf = (channel: string) => can(channel).address as NewAddress['kind']

/** What may be written to on a channel: its own addresses, and for WhatsApp the telephone numbers that are not there yet. */
function reachable(addresses: Address[], kind: Address['kind']): Address[] {
  const own = addresses.filter((a) => a.kind === kind)
  if (kind !== 'whatsapp') return own
  return [...own, ...addresses.filter((a) => a.kind === 'phone' && !own.some((o) => o.value === a.value))]
}

/** Write first: to a known contact, or to an address that becomes one. */
export function NewConversation({ contactId, close }: { contactId?: number; close: () => void }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const who = useWho()
  const navigate = useNavigate()
  const client = useQueryClient()
  useReturn()
  const person = useQuery({ ...contactQuery(contactId ?? 0), enabled: contactId !== undefined }).data
  const accounts = useQuery(places).data?.accounts ?? []
  const channels = writable().filter((c) => !accounts.length || accounts.some((a) => a.channel === c))
  const [picked, setPicked] = useState<string | null>(null)
  const [to, setTo] = useState('')
  const [known, setKnown] = useState<string | null>(null)
  const [subject, setSubject] = useState('')
  const [text, setText] = useState('')
  const [account, setAccount] = useState('')
  const [template, setTemplate] = useState<Filling | null>(null)
  const [short, setShort] = useState(false)
  const [clientId] = useState(() => freshId())
  const counter = useId()
  // The way this person is known by; a mail where nothing speaks for another.
  const channel = picked ?? channels.find((c) => person?.addresses.some((a) => a.kind === kindOf(c))) ?? channels[0] ?? writable()[0] ?? ''
  const kind = kindOf(channel)
  const addresses = reachable(person?.addresses ?? [], kind)
  const value = addresses.length ? (addresses.find((a) => a.value === known) ?? addresses[0])?.value ?? '' : to.trim()
  // Only with its country code is a number the same everywhere.
  const local = kind !== 'email' && !/^\s*\+[\d\s().-]{6,}$/.test(value)
  const from = accounts.filter((a) => a.channel === channel)
  const sender = from.find((a) => String(a.id) === account) ?? from[0]
  const templating = can(channel).templates
  const ready = templating ? isWhole(template) && sender !== undefined : text.trim() !== '' && (!can(channel).segments || excess(text.trim(), null) === 0)

  const send = useMutation({
    mutationFn: async () => {
      // A new address of somebody we know stays theirs.
      if (person && !person.addresses.some((a) => a.kind === kind && a.value === value)) await api.addAddress(person.id, kind, value)
      return api.startConversation({
        address: { kind, value }, channel, client_id: clientId,
        text: templating ? '' : text.trim(),
        ...(templating && template ? { template: asSent(template) } : {}),
        ...(account || templating ? { account_id: sender?.id } : {}),
        ...(can(channel).subject && subject.trim() ? { subject: subject.trim() } : {}),
      })
    },
    onSuccess: (c) => {
      for (const key of [['list'], ['counts'], ['timeline'], ['contact']]) void client.invalidateQueries({ queryKey: key })
      close()
      void navigate({ to: '/inbox/$view/$id', params: { view: 'mine', id: String(c.id) } })
    },
  })
  const turn = (next: string) => {
    setPicked(next)
    setAccount('')
    setTemplate(null)
    setShort(false)
    send.reset()
  }
  return (
    <Modal opened onClose={close} title={t('new.title')} closeButtonProps={{ 'aria-label': t('common.close') }} closeOnEscape={!template} data-testid="new-dialog">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(e) => {
          e.preventDefault()
          setShort(local)
          if (ready && !local) send.mutate()
        }}
      >
        {send.isError && <div className="alert" role="alert" data-testid="new-error">{explain(send.error)}</div>}
        <NativeSelect label={t('new.channel')} value={channel} data={channels.map((c) => ({ value: c, label: channelName(c) }))} onChange={(e) => turn(e.currentTarget.value)} data-testid="new-channel" />
        {person && addresses.length === 1 && (
          <div><div style={{ fontWeight: 500 }}>{t('new.to')}</div><div>{who(person)} <span className="mut">{value}</span></div></div>
        )}
        {person && addresses.length > 1 && (
          <NativeSelect
            label={`${t('new.to')} ${who(person)}`} value={value} onChange={(e) => setKnown(e.currentTarget.value)} data-testid="new-known"
            data={addresses.map((a) => ({ value: a.value, label: a.opted_out ? `${a.value} · ${t('contact.optedOut')}` : a.value }))}
          />
        )}
        {addresses.length === 0 && (
          <TextInput
            label={t('new.to')} maxLength={320} type={kind === 'email' ? 'email' : 'tel'} required withAsterisk={false} value={to}
            onChange={(e) => {
              setTo(e.currentTarget.value)
              setShort(false)
            }}
            error={short && t('new.fullNumber')}
            placeholder={kind === 'email' ? 'name@example.com' : '+44 20 7946 0000'} data-autofocus data-testid="new-to"
          />
        )}
        {from.length > 1 && (
          <NativeSelect
            label={t('new.from')} value={account} onChange={(e) => { setAccount(e.currentTarget.value); setTemplate(null) }} data-testid="new-from"
            data={[...(templating ? [] : [{ value: '', label: t('new.anyAccount') }]), ...from.map((a) => ({ value: String(a.id), label: a.name }))]}
          />
        )}
        {from.length === 1 && sender && !isMail(channel) && <div className="meta" data-testid="new-from">{t('new.fromOnly', { name: sender.name })}</div>}
        {can(channel).subject && <TextInput label={t('composer.subject')} maxLength={1000} value={subject} onChange={(e) => setSubject(e.currentTarget.value)} data-testid="new-subject" />}
        {templating && sender ? (
          <div>
            <p className="meta" style={{ marginBottom: 6 }}>{t('new.templateOnly')}</p>
            <TemplatePicker account={sender.id} locale={person?.locale} value={template} change={setTemplate} />
          </div>
        ) : (
          <div>
            <Textarea
              label={t('new.text')} required withAsterisk={false} autosize minRows={4} maxRows={14} value={text} onChange={(e) => setText(e.currentTarget.value)} data-testid="new-text"
              aria-describedby={can(channel).segments ? counter : undefined}
            />
            {can(channel).segments && <Counter id={counter} channel={channel} text={text.trim()} most={null} change={setText} />}
          </div>
        )}
        <div className="hflex" style={{ justifyContent: 'flex-end' }}>
          <Button size="sm" variant="default" onClick={close}>{t('common.cancel')}</Button>
          <Button size="sm" type="submit" loading={send.isPending} disabled={!ready} data-testid="new-send">{t('composer.send')}</Button>
        </div>
      </form>
    </Modal>
  )
}
