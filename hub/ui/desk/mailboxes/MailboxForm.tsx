/** Adding a mailbox or changing one: the servers are found by the address, tried before they are kept, and secrets never come back. */
import { Button, Checkbox, Modal, NativeSelect, PasswordInput, Textarea, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { mail, type Mailbox, mailboxes, type Server, type Tls } from '../mail'
import { above, wrong } from '../parts/ask'
import { NumberField } from '../parts/NumberField'
import { usePlaceName } from '../parts/places'
import { places } from '../parts/queries'
import { Checks } from './Checks'

interface Draft { name: string; address: string; password: string; queue: string; signature: string; forms: string; plus: boolean; imap: Server; smtp: Server }
const blank = (port: number, tls: Tls): Server => ({ host: '', port, tls, user: '' })

function begin(box: Mailbox | null): Draft {
  return {
    name: box?.name ?? '', address: box?.address ?? '', password: '', queue: String(box?.queue?.id ?? ''), signature: box?.signature ?? '',
    forms: (box?.settings.forms ?? []).join(', '), plus: box?.settings.plus_addresses ?? true,
    imap: { first_run: 'new', after: 'seen', ...(box?.settings.imap ?? blank(993, 'tls')) },
    smtp: box?.settings.smtp ?? blank(587, 'starttls'),
  }
}

/** What the API is told; a server without a host is left out. A password is for both ways in, unless they differ already. */
function body(d: Draft, box: Mailbox | null) {
  const settings = { ...box?.settings, forms: d.forms.split(/[\s,;]+/).filter(Boolean), plus_addresses: d.plus, imap: d.imap.host ? d.imap : null, smtp: d.smtp.host ? { ...d.smtp, user: d.smtp.user || null } : null }
  const secrets = d.password ? { ...(d.imap.host ? { imap_password: d.password } : {}), ...(d.smtp.host ? { smtp_password: d.password } : {}) } : {}
  return {
    name: d.name.trim(), address: d.address.trim(), signature: d.signature, settings, secrets,
    ...(d.queue ? { queue_id: Number(d.queue) } : {}),
  }
}

/** Where the form says what is wrong with a field; the rest is said above all. */
const PLACES = /^(address|name|signature|queue_id|secrets\.(imap|smtp)_password|settings(\.(forms|imap|smtp|(imap|smtp)\.(host|port|tls|user)|imap\.folder))?)$/

export function MailboxForm({ box, close }: { box: Mailbox | null; close: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const queues = useQuery(places).data?.queues ?? []
  const placeName = usePlaceName()
  const [d, setD] = useState(() => begin(box))
  const set = (change: Partial<Draft>) => setD((old) => ({ ...old, ...change }))
  const find = useMutation({
    mutationFn: () => mail.discover(d.address.trim()),
    onSuccess: (found) => setD((old) => ({ ...old, imap: { ...old.imap, ...found.imap }, smtp: { ...old.smtp, ...found.smtp }, name: old.name || found.imap.user || old.address })),
  })
  const attempt = useMutation({
    mutationFn: () => {
      const { address, settings, secrets } = body(d, box)
      return mail.attempt({ address, settings, secrets, ...(box ? { account_id: box.id } : {}) })
    },
  })
  const save = useMutation({
    mutationFn: () => (box ? mail.change(box.id, body(d, box)) : mail.add(body(d, box))),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: mailboxes.queryKey })
      close()
    },
  })
  const failed = save.error ?? attempt.error ?? find.error
  const at = (...fields: string[]) => fields.map((field) => wrong(failed, field)).find(Boolean)
  const lonely = queues.find((q) => String(q.id) === d.queue && !q.people)
  return (
    <Modal opened onClose={close} size="lg" title={box ? t('boxes.editTitle', { name: box.name }) : t('boxes.add')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <form
        noValidate className="boxform" data-testid="mailbox-form"
        onSubmit={(e) => {
          e.preventDefault()
          save.mutate()
        }}
      >
        {failed && <div className="alert" role="alert">{above(failed, PLACES)}</div>}
        <div className="hflex" style={{ alignItems: 'flex-end' }}>
          <TextInput
            className="grow" style={{ flex: 1 }} type="email" required withAsterisk={false} label={t('boxes.address')} maxLength={320} value={d.address} error={at('address')} data-autofocus
            onChange={(e) => set({ address: e.currentTarget.value })} placeholder="support@example.com" data-testid="box-address"
          />
          <Button size="sm" variant="default" disabled={!d.address.includes('@')} loading={find.isPending} onClick={() => find.mutate()} data-tries data-testid="box-find">{t('boxes.find')}</Button>
        </div>
        {find.data && (
          <p className="meta" style={{ margin: 0 }} role="status" data-testid="box-found">
            {find.data.source === 'guess' ? t('boxes.guessed') : t('boxes.found', { provider: find.data.provider })}{' '}
            {find.data.sign_in === 'app_password' && t('boxes.appPassword')}
            {find.data.sign_in === 'oauth' && t('boxes.oauth')}{' '}
            {find.data.help_url && <a href={find.data.help_url} target="_blank" rel="noreferrer">{t('boxes.help')}</a>}
          </p>
        )}
        <div className="two">
          <TextInput label={t('boxes.name')} maxLength={200} required withAsterisk={false} value={d.name} error={at('name')} onChange={(e) => set({ name: e.currentTarget.value })} data-testid="box-name" />
          <PasswordInput
            label={t('boxes.password')} value={d.password} error={at('secrets.imap_password', 'secrets.smtp_password')} autoComplete="new-password" onChange={(e) => set({ password: e.currentTarget.value })} data-testid="box-password"
            placeholder={box?.secrets.length ? t('boxes.unchanged') : undefined} visibilityToggleButtonProps={{ 'aria-label': t('boxes.password') }}
          />
        </div>
        <ServerFields title={t('boxes.incoming')} server={d.imap} at={at} change={(imap) => set({ imap })} id="imap">
          <span className="wide">
            <TextInput label={t('boxes.folder')} maxLength={200} value={String(d.imap.folder ?? 'INBOX')} error={at('settings.imap.folder')} onChange={(e) => set({ imap: { ...d.imap, folder: e.currentTarget.value } })} />
            <NativeSelect
              label={t('boxes.firstRun')} value={String(d.imap.first_run)} disabled={box !== null} onChange={(e) => set({ imap: { ...d.imap, first_run: e.currentTarget.value } })} data-testid="box-first-run"
              data={[
                { value: 'new', label: t('boxes.fromNow') },
                ...[7, 30, 90].map((days) => ({ value: `days:${days}`, label: t('boxes.lastDays', { days }) })),
                { value: 'all', label: t('boxes.everything') },
              ]}
            />
            <NativeSelect
              label={t('boxes.after')} value={String(d.imap.after)} onChange={(e) => set({ imap: { ...d.imap, after: e.currentTarget.value } })}
              data={[
                { value: 'seen', label: t('boxes.markRead') },
                { value: 'leave', label: t('boxes.leave') },
                { value: 'delete', label: t('boxes.remove') },
                ...(/^move:/.test(String(d.imap.after)) ? [{ value: String(d.imap.after), label: t('boxes.move', { folder: String(d.imap.after).slice(5) }) }] : [{ value: 'move:Archive', label: t('boxes.move', { folder: 'Archive' }) }]),
              ]}
            />
          </span>
        </ServerFields>
        <ServerFields title={t('boxes.outgoing')} server={d.smtp} at={at} change={(smtp) => set({ smtp })} id="smtp" />
        <Checkbox label={t('boxes.plus')} description={t('boxes.plusHint')} checked={d.plus} onChange={(e) => set({ plus: e.currentTarget.checked })} data-testid="box-plus" />
        <NativeSelect
          label={t('boxes.intoQueue')} value={d.queue} error={at('queue_id')} description={lonely && <span className="warned" role="status" data-testid="box-unstaffed">{t('boxes.unstaffed', { queue: lonely.name })}</span>} data-testid="box-queue" onChange={(e) => set({ queue: e.currentTarget.value })}
          data={[{ value: '', label: '—' }, ...queues.map((q) => ({ value: String(q.id), label: placeName(q) }))]}
        />
        <TextInput label={t('boxes.forms')} maxLength={10000} description={t('boxes.formsHint')} value={d.forms} error={at('settings.forms')} onChange={(e) => set({ forms: e.currentTarget.value })} placeholder="no-reply@shop.example, @forms.example" data-testid="box-forms" />
        <Textarea label={t('boxes.signature')} maxLength={4000} description={t('boxes.signatureHint')} autosize minRows={2} maxRows={8} value={d.signature} error={at('signature')} onChange={(e) => set({ signature: e.currentTarget.value })} />
        {attempt.data && <Checks items={attempt.data.items} />}
        <div className="hflex" style={{ justifyContent: 'flex-end', flexWrap: 'wrap' }}>
          <Button variant="default" loading={attempt.isPending} onClick={() => attempt.mutate()} data-tries data-testid="box-test">{t('boxes.test')}</Button>
          <Button type="submit" loading={save.isPending} data-testid="box-save">{t('boxes.save')}</Button>
        </div>
      </form>
    </Modal>
  )
}

function ServerFields({ title, server, at, change, id, children }: {
  title: string; server: Server; at: (...fields: string[]) => string | undefined; change: (next: Server) => void; id: string; children?: ReactNode
}) {
  const { t } = useTranslation()
  return (
    <fieldset>
      <legend>{title}</legend>
      <TextInput label={t('boxes.host')} maxLength={253} value={server.host ?? ''} error={at(`settings.${id}.host`, `settings.${id}`, ...(id === 'imap' ? ['settings'] : []))} onChange={(e) => change({ ...server, host: e.currentTarget.value.trim() })} data-testid={`${id}-host`} />
      <NumberField label={t('boxes.port')} value={server.port ?? (id === 'imap' ? 993 : 587)} min={1} max={65535} hideControls error={at(`settings.${id}.port`)} onChange={(port) => change({ ...server, port })} data-testid={`${id}-port`} />
      <NativeSelect
        label={t('boxes.security')} value={server.tls ?? 'tls'} error={at(`settings.${id}.tls`)} onChange={(e) => change({ ...server, tls: e.currentTarget.value as Tls })} data-testid={`${id}-tls`}
        data={[{ value: 'tls', label: 'TLS' }, { value: 'starttls', label: 'STARTTLS' }, { value: 'none', label: t('boxes.noTls') }]}
      />
      <span className="wide"><TextInput label={t('boxes.user')} maxLength={320} value={server.user ?? ''} error={at(`settings.${id}.user`)} onChange={(e) => change({ ...server, user: e.currentTarget.value })} data-testid={`${id}-user`} /></span>
      {children}
    </fieldset>
  )
}
