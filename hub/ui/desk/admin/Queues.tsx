/** Queues: how quickly they are to be answered, when they are open, and what is kept for them. */
import { MultiSelect, NativeSelect, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { AdminQueue, Colleague } from '../../api/schema'
import { span } from '../format'
import { mail, mailboxes } from '../mail'
import { complain, say } from '../parts/ask'
import { ChannelWord } from '../parts/bits'
import { NumberField } from '../parts/NumberField'
import { agents } from '../parts/queries'
import { useMay } from '../shell/me'
import { type Form, RecordsPage } from './kit'
import { hours, queueRecords } from './api'

export interface QueueDraft { key: string; name: string; target_seconds: number; service_level_seconds: number; short_abandon_seconds: number; priority_seconds: number; wrap_up_seconds: number; hours_id: number | null; members: number[] }
const SECONDS = ['target_seconds', 'service_level_seconds', 'wrap_up_seconds', 'short_abandon_seconds', 'priority_seconds'] as const

const begin = (q: AdminQueue | null): QueueDraft => ({
  ...(q ? {} : { key: '' }), name: q?.name ?? '', target_seconds: q?.target_seconds ?? 60, service_level_seconds: q?.service_level_seconds ?? 20,
  short_abandon_seconds: q?.short_abandon_seconds ?? 5, priority_seconds: q?.priority_seconds ?? 0, wrap_up_seconds: q?.wrap_up_seconds ?? 0, hours_id: q?.hours_id ?? null,
  members: q?.members ?? [],
} as QueueDraft)

export function QueuesPage() {
  const { t } = useTranslation()
  const open = useQuery(hours).data ?? []
  const people = useQuery(agents).data ?? []
  const persons = (ids: number[]) => ids.map((id) => people.find((a) => a.id === id)?.name ?? `#${id}`).join(', ') || t('admin.queues.nobody')
  const named = (id: unknown) => open.find((h) => h.id === id)?.key ?? t('admin.queues.always')
  return (
    <RecordsPage<AdminQueue, QueueDraft>
      noun="queues" api={queueRecords} begin={begin}
      facts={(q) => t('admin.queues.facts', { people: q.people ? t('admin.queues.served', { n: q.people, present: q.present ?? 0 }) : t('admin.queues.unserved'), target: span(q.target_seconds), hours: q.hours_key ?? t('admin.queues.always') })}
      shown={(field, value) => (field === 'members' ? persons((value as number[] | undefined) ?? []) : field === 'hours_id' ? named(value) : (SECONDS as readonly string[]).includes(field) ? (Number.isFinite(value) ? t('admin.seconds', { n: value }) : '–') : String(value ?? ''))}
      fields={(form, q) => <Fields form={form} open={open} people={people} queue={q} />}
    />
  )
}

function Fields({ form: { draft, set, wrong, locked, fresh }, open, people, queue }: {
  form: Form<QueueDraft>; open: { id: number; key: string; timezone: string }[]; people: Colleague[]; queue: AdminQueue | null
}) {
  const { t } = useTranslation()
  return (
    <>
      <TextInput label={t('admin.queues.name')} required withAsterisk={false} maxLength={200} disabled={locked} value={draft.name} error={wrong('name')} onChange={(e) => set({ name: e.currentTarget.value })} data-testid="queue-name" />
      {fresh && <TextInput label={t('admin.key')} description={t('admin.keyHint')} required withAsterisk={false} maxLength={40} value={draft.key} error={wrong('key')} onChange={(e) => set({ key: e.currentTarget.value })} data-testid="queue-key" />}
      <div className="admintwo">
        {SECONDS.map((field) => (
          <NumberField
            key={field} label={t(`admin.queues.${field}`)} description={t(`admin.queues.${field}Hint`)} suffix={` ${t('admin.s')}`}
            min={field === 'priority_seconds' ? -86_400 : 0} max={86_400 * 30} disabled={locked} value={draft[field]} error={wrong(field)}
            onChange={(n) => set({ [field]: n })} data-testid={`queue-${field}`}
          />
        ))}
        <NativeSelect
          label={t('admin.queues.hours_id')} disabled={locked} value={String(draft.hours_id ?? '')} error={wrong('hours_id')} onChange={(e) => set({ hours_id: e.currentTarget.value ? Number(e.currentTarget.value) : null })}
          data={[{ value: '', label: t('admin.queues.always') }, ...open.map((h) => ({ value: String(h.id), label: `${h.key} (${h.timezone})` }))]}
        />
      </div>
      <MultiSelect
        label={t('admin.queues.members')} description={t('admin.queues.membersHint')} searchable clearable hidePickedOptions disabled={locked} error={wrong('members')} value={draft.members.map(String)}
        onChange={(ids) => set({ members: ids.map(Number).sort((a, b) => a - b) })} data={people.map((a) => ({ value: String(a.id), label: a.name }))}
        placeholder={draft.members.length ? undefined : t('admin.queues.nobody')} data-testid="queue-members"
      />
      {draft.members.length === 0 && !locked && <div className="banner warn" role="status" data-testid="queue-unserved">{t('admin.queues.unservedHint')}</div>}
      {queue && <Accounts queue={queue} />}
    </>
  )
}

/** What comes in: each account keeps its queue itself, so a mailbox is changed on its page, or moved here from another queue. */
function Accounts({ queue }: { queue: AdminQueue }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const manages = useMay()('channel.manage')
  const boxes = useQuery({ ...mailboxes, enabled: manages }).data ?? []
  const move = useMutation({
    mutationFn: (id: number) => mail.change(id, { queue_id: queue.id }),
    onSuccess: (box) => say(t('admin.queues.mailboxHere', { name: box.name })),
    onError: complain,
    onSettled: () => Promise.all([['admin'], ['mailboxes'], ['places']].map((queryKey) => client.invalidateQueries({ queryKey }))),
  })
  const delivering = queue.delivering ?? []
  const others = queue.archived_at ? [] : boxes.filter((b) => b.queue?.id !== queue.id)
  return (
    <section data-testid="queue-accounts">
      <h3 style={{ fontSize: 14, margin: '0 0 4px' }}>{t('admin.queues.accounts')}</h3>
      {delivering.length ? (
        <ul style={{ margin: 0, paddingInlineStart: 18 }}>
          {delivering.map((a) => (
            <li key={a.id}><ChannelWord channel={a.channel} /> {boxes.some((b) => b.id === a.id) ? <Link to="/mailboxes" search={{ edit: a.id }}><bdi>{a.name}</bdi></Link> : <bdi>{a.name}</bdi>}</li>
          ))}
        </ul>
      ) : <p className="mut" style={{ margin: 0 }}>{t('admin.queues.noAccounts')}</p>}
      {others.length > 0 && (
        <NativeSelect
          mt={8} size="xs" label={t('admin.queues.addMailbox')} value="" disabled={move.isPending} onChange={(e) => move.mutate(Number(e.currentTarget.value))} data-testid="queue-add-mailbox"
          data={[{ value: '', label: t('admin.queues.addMailboxFirst'), disabled: true }, ...others.map((b) => ({ value: String(b.id), label: b.queue ? t('admin.queues.fromQueue', { name: b.name, queue: b.queue.name }) : t('admin.queues.fromNowhere', { name: b.name }) }))]}
        />
      )}
      <p className="mut" style={{ margin: '4px 0 0' }}>{t('admin.queues.accountsHint')}</p>
    </section>
  )
}
