import { Button, Modal, NativeSelect, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Address } from '../api'
import { explain } from '../parts/ask'
import { useChannelName } from '../parts/bits'
import { places, contact as contactQuery } from '../parts/queries'

const WRITABLE = ['email', 'sms', 'whatsapp']
const kindOf: Record<string, Address['kind']> = { email: 'email', sms: 'phone', whatsapp: 'whatsapp' }

/** Write first: to a known contact, or to an address that becomes one. */
export function NewConversation({ contactId, close }: { contactId?: number; close: () => void }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const navigate = useNavigate()
  const client = useQueryClient()
  const person = useQuery({ ...contactQuery(contactId ?? 0), enabled: contactId !== undefined })
  const accounts = useQuery(places).data?.accounts ?? []
  const channels = WRITABLE.filter((c) => !accounts.length || accounts.some((a) => a.channel === c))
  const [channel, setChannel] = useState('email')
  const [to, setTo] = useState('')
  const [subject, setSubject] = useState('')
  const [text, setText] = useState('')
  const [account, setAccount] = useState('')
  const [clientId] = useState(() => crypto.randomUUID())
  const kind = kindOf[channel] ?? 'email'
  const known = person.data?.addresses.filter((a) => a.kind === kind || (channel === 'whatsapp' && a.kind === 'phone')) ?? []
  const from = accounts.filter((a) => a.channel === channel)

  const send = useMutation({
    mutationFn: () =>
      api.startConversation({
        ...(contactId !== undefined && known.length ? { contact_id: contactId } : { address: { kind, value: to.trim() } }),
        channel, text: text.trim(), client_id: clientId,
        ...(account ? { account_id: Number(account) } : {}),
        ...(channel === 'email' && subject.trim() ? { subject: subject.trim() } : {}),
      }),
    onSuccess: (c) => {
      for (const key of [['list'], ['counts'], ['timeline']]) void client.invalidateQueries({ queryKey: key })
      close()
      void navigate({ to: '/inbox/$view/$id', params: { view: 'mine', id: String(c.id) } })
    },
  })
  return (
    <Modal opened onClose={close} title={t('new.title')} closeButtonProps={{ 'aria-label': t('common.close') }} data-testid="new-dialog">
      <form
        style={{ display: 'grid', gap: 12 }}
        onSubmit={(e) => {
          e.preventDefault()
          send.mutate()
        }}
      >
        {send.isError && <div className="alert" role="alert">{explain(send.error)}</div>}
        <NativeSelect label={t('new.channel')} value={channel} data={channels.map((c) => ({ value: c, label: channelName(c) }))} onChange={(e) => { setChannel(e.currentTarget.value); setAccount('') }} />
        {person.data && known.length > 0 ? (
          <div><div style={{ fontWeight: 500 }}>{t('new.to')}</div><div>{person.data.name} <span className="mut">{known[0]?.value}</span></div></div>
        ) : (
          <TextInput
            label={t('new.to')} type={kind === 'email' ? 'email' : 'tel'} required withAsterisk={false} value={to} onChange={(e) => setTo(e.currentTarget.value)}
            placeholder={kind === 'email' ? 'name@example.com' : '+44 20 7946 0000'} data-autofocus data-testid="new-to"
          />
        )}
        {from.length > 1 && (
          <NativeSelect label={t('new.from')} value={account} onChange={(e) => setAccount(e.currentTarget.value)} data={[{ value: '', label: t('new.anyAccount') }, ...from.map((a) => ({ value: String(a.id), label: a.name }))]} />
        )}
        {channel === 'email' && <TextInput label={t('composer.subject')} value={subject} onChange={(e) => setSubject(e.currentTarget.value)} data-testid="new-subject" />}
        <Textarea label={t('new.text')} required withAsterisk={false} autosize minRows={4} maxRows={14} value={text} onChange={(e) => setText(e.currentTarget.value)} data-testid="new-text" />
        <div className="hflex" style={{ justifyContent: 'flex-end' }}>
          <Button size="sm" variant="default" onClick={close}>{t('common.cancel')}</Button>
          <Button size="sm" type="submit" loading={send.isPending} disabled={!text.trim()} data-testid="new-send">{t('composer.send')}</Button>
        </div>
      </form>
    </Modal>
  )
}
