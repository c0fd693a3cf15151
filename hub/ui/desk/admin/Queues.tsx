/** Queues: how quickly they are to be answered, when they are open, and what is kept for them. */
import { NativeSelect, NumberInput, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import type { AdminQueue } from '../../api/schema'
import { span } from '../format'
import { type Form, RecordsPage } from './kit'
import { hours, queueRecords } from './api'

export interface QueueDraft { key: string; name: string; target_seconds: number; service_level_seconds: number; short_abandon_seconds: number; priority_seconds: number; wrap_up_seconds: number; hours_id: number | null }
const SECONDS = ['target_seconds', 'service_level_seconds', 'wrap_up_seconds', 'short_abandon_seconds', 'priority_seconds'] as const

const begin = (q: AdminQueue | null): QueueDraft => ({
  ...(q ? {} : { key: '' }), name: q?.name ?? '', target_seconds: q?.target_seconds ?? 60, service_level_seconds: q?.service_level_seconds ?? 20,
  short_abandon_seconds: q?.short_abandon_seconds ?? 5, priority_seconds: q?.priority_seconds ?? 0, wrap_up_seconds: q?.wrap_up_seconds ?? 0, hours_id: q?.hours_id ?? null,
} as QueueDraft)

export function QueuesPage() {
  const { t } = useTranslation()
  const open = useQuery(hours).data ?? []
  const named = (id: unknown) => open.find((h) => h.id === id)?.key ?? t('admin.queues.always')
  return (
    <RecordsPage<AdminQueue, QueueDraft>
      noun="queues" api={queueRecords} begin={begin}
      facts={(q) => t('admin.queues.facts', { people: t('admin.people', { n: q.people ?? 0 }), target: span(q.target_seconds), hours: q.hours_key ?? t('admin.queues.always') })}
      shown={(field, value) => (field === 'hours_id' ? named(value) : (SECONDS as readonly string[]).includes(field) ? t('admin.seconds', { n: value }) : String(value ?? ''))}
      fields={(form) => <Fields form={form} open={open} />}
    />
  )
}

function Fields({ form: { draft, set, wrong, locked, fresh }, open }: { form: Form<QueueDraft>; open: { id: number; key: string; timezone: string }[] }) {
  const { t } = useTranslation()
  return (
    <>
      <TextInput label={t('admin.queues.name')} required withAsterisk={false} maxLength={200} disabled={locked} value={draft.name} error={wrong('name')} onChange={(e) => set({ name: e.currentTarget.value })} data-testid="queue-name" />
      {fresh && <TextInput label={t('admin.key')} description={t('admin.keyHint')} required withAsterisk={false} maxLength={40} value={draft.key} error={wrong('key')} onChange={(e) => set({ key: e.currentTarget.value })} data-testid="queue-key" />}
      <div className="admintwo">
        {SECONDS.map((field) => (
          <NumberInput
            key={field} label={t(`admin.queues.${field}`)} description={t(`admin.queues.${field}Hint`)} suffix={` ${t('admin.s')}`} allowDecimal={false}
            min={field === 'priority_seconds' ? -86_400 : 0} max={86_400 * 30} disabled={locked} value={draft[field]} error={wrong(field)}
            onChange={(n) => set({ [field]: typeof n === 'number' ? n : 0 })} data-testid={`queue-${field}`}
          />
        ))}
        <NativeSelect
          label={t('admin.queues.hours_id')} disabled={locked} value={String(draft.hours_id ?? '')} error={wrong('hours_id')} onChange={(e) => set({ hours_id: e.currentTarget.value ? Number(e.currentTarget.value) : null })}
          data={[{ value: '', label: t('admin.queues.always') }, ...open.map((h) => ({ value: String(h.id), label: `${h.key} (${h.timezone})` }))]}
        />
      </div>
    </>
  )
}
