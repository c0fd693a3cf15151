import { Button, SegmentedControl, Select, TextInput } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { complain } from '../parts/ask'
import { usePlaceName } from '../parts/places'
import { agents, places } from '../parts/queries'
import { useMe } from '../shell/me'
import { type Call, phoneApi, type Target } from './api'

type Kind = 'agent' | 'queue' | 'number'

/** Whom to hand the call to, and whether to speak with them before. */
export function TransferForm({ call, close }: { call: Call; close: () => void }) {
  const { t } = useTranslation()
  const placeName = usePlaceName()
  const me = useMe().agent.id
  const client = useQueryClient()
  const [kind, setKind] = useState<Kind>('agent')
  const [value, setValue] = useState('')
  const people = (useQuery(agents).data ?? []).filter((a) => a.id !== me && a.state !== 'offline')
  const queues = useQuery({ ...places, staleTime: 0 }).data?.queues ?? []
  const target: Target = kind === 'number' ? { number: value } : kind === 'agent' ? { agent_id: Number(value) } : { queue_id: Number(value) }
  const run = useMutation({
    mutationFn: (ask: boolean) => (ask ? phoneApi.consult(call.id, target) : phoneApi.transfer(call.id, target)),
    onSuccess: close,
    onError: complain,
    onSettled: () => void client.invalidateQueries({ queryKey: ['calls'] }),
  })
  const choices = kind === 'agent' ? people.map((a) => ({ value: String(a.id), label: `${a.name} · ${t(`presence.${a.state}`)}` })) : queues.map((q) => ({ value: String(q.id), label: placeName(q), disabled: q.people === 0 }))
  return (
    <div className="callform" role="group" aria-label={t('call.transfer')}>
      <SegmentedControl
        size="sm" value={kind} onChange={(k) => { setKind(k as Kind); setValue('') }}
        data={(['agent', 'queue', 'number'] as const).map((k) => ({ value: k, label: t(`call.to.${k}`) }))}
      />
      {kind === 'number' ? (
        <TextInput size="sm" aria-label={t('call.to.number')} maxLength={40} placeholder="+14155550123" value={value} onChange={(e) => setValue(e.currentTarget.value)} data-testid="transfer-number" />
      ) : (
        <Select size="sm" aria-label={t(`call.to.${kind}`)} placeholder={t(`call.to.${kind}`)} searchable data={choices} value={value || null} onChange={(v) => setValue(v ?? '')} data-testid="transfer-target" />
      )}
      <Button size="sm" disabled={!value} loading={run.isPending} onClick={() => run.mutate(false)} data-testid="transfer-now">{t('call.transferNow')}</Button>
      <Button size="sm" variant="default" disabled={!value || run.isPending} onClick={() => run.mutate(true)} data-testid="transfer-ask">{t('call.askFirst')}</Button>
    </div>
  )
}
