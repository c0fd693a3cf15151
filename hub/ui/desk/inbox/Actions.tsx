import { Button, Modal, NativeSelect, SegmentedControl, Textarea } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Conversation } from '../api'
import { say, useAct } from '../parts/ask'
import { stamp } from '../format'
import { usePlaceName } from '../parts/places'
import { agents, dispositions, places } from '../parts/queries'
import { useMe } from '../shell/me'

interface Props { c: Conversation; close: () => void; leave?: () => void }

export function TransferDialog({ c, close, leave }: Props) {
  const { t } = useTranslation()
  const me = useMe()
  const placeName = usePlaceName()
  const [kind, setKind] = useState<'queue' | 'agent'>('queue')
  const [target, setTarget] = useState('')
  const [note, setNote] = useState('')
  const teams = (useQuery({ ...places, staleTime: 0 }).data?.queues ?? []).map((q) => ({ value: String(q.id), label: placeName(q), disabled: q.people === 0 || (q.id === c.queue?.id && !c.agent) }))
  const people = (useQuery(agents).data ?? [])
    .filter((a) => a.id !== c.agent?.id)
    .map((a) => ({ value: String(a.id), label: `${a.id === me.agent.id ? t('transfer.me') : a.name} · ${t(`presence.${a.state}`)}` }))
  const act = useAct(
    () =>
      api.transfer(c.id, {
        ...(kind === 'queue' ? { queue_id: Number(target) } : { agent_id: Number(target) }),
        ...(note.trim() ? { note: note.trim() } : {}),
      }),
    () => {
      say(t('transfer.done'))
      close()
      if (kind === 'queue' || Number(target) !== me.agent.id) leave?.()
    },
  )
  return (
    <Modal opened onClose={close} title={t('transfer.title')} closeButtonProps={{ 'aria-label': t('common.close') }} data-testid="transfer-dialog">
      <form
        onSubmit={(e) => {
          e.preventDefault()
          if (target) act.mutate(undefined)
        }}
      >
        <SegmentedControl
          fullWidth value={kind} aria-label={t('transfer.to')} mb="sm"
          onChange={(v) => {
            setKind(v as 'queue' | 'agent')
            setTarget('')
          }}
          data={[{ value: 'queue', label: t('transfer.queue') }, { value: 'agent', label: t('transfer.agent') }]}
        />
        <NativeSelect
          label={t(`transfer.${kind}`)} value={target} onChange={(e) => setTarget(e.currentTarget.value)} required withAsterisk={false}
          data={[{ value: '', label: t('transfer.choose') }, ...(kind === 'queue' ? teams : people)]} mb="sm" data-testid="transfer-target"
        />
        <Textarea
          label={t('transfer.note')} maxLength={100000} description={t('transfer.noteHint')} value={note} onChange={(e) => setNote(e.currentTarget.value)} autosize minRows={2} mb="md"
        />
        <Foot close={close} busy={act.isPending} disabled={!target} label={t('action.transfer')} />
      </form>
    </Modal>
  )
}

function Foot({ close, busy, disabled, label }: { close: () => void; busy: boolean; disabled?: boolean; label: string }) {
  const { t } = useTranslation()
  return (
    <div className="hflex" style={{ justifyContent: 'flex-end' }}>
      <Button size="sm" variant="default" onClick={close}>{t('common.cancel')}</Button>
      <Button size="sm" type="submit" loading={busy} disabled={disabled} data-testid="dialog-submit">{label}</Button>
    </div>
  )
}

function later(): { key: string; at: Date }[] {
  const now = new Date()
  const at = (days: number, hour: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hour)
  const monday = ((8 - now.getDay()) % 7) || 7
  return [
    { key: 'hour', at: new Date(now.getTime() + 3_600_000) },
    { key: 'afternoon', at: new Date(now.getTime() + 4 * 3_600_000) },
    { key: 'tomorrow', at: at(1, 9) },
    { key: 'monday', at: at(monday, 9) },
  ]
}

const local = (d: Date) => new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

export function SnoozeDialog({ c, close }: Props) {
  const { t } = useTranslation()
  const [own, setOwn] = useState(() => local(new Date(Date.now() + 86_400_000)))
  const act = useAct(
    (until: string) => api.snooze(c.id, until),
    () => {
      say(t('snooze.done'))
      close()
    },
  )
  return (
    <Modal opened onClose={close} title={t('snooze.title')} size="sm" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <p className="mut" style={{ marginBottom: 12 }}>{t('snooze.text')}</p>
      <div style={{ display: 'grid', gap: 6 }}>
        {later().map((o) => (
          <Button key={o.key} size="sm" variant="default" justify="space-between" rightSection={<span className="mut">{stamp(o.at.toISOString())}</span>} onClick={() => act.mutate(o.at.toISOString())} data-testid={`snooze-${o.key}`}>
            {t(`snooze.${o.key}`)}
          </Button>
        ))}
      </div>
      <form
        className="hflex" style={{ marginTop: 14, alignItems: 'flex-end' }}
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate(new Date(own).toISOString())
        }}
      >
        <label className="grow">
          <span style={{ display: 'block', fontWeight: 500, marginBottom: 2 }}>{t('snooze.own')}</span>
          <input type="datetime-local" className="plain" value={own} min={local(new Date())} max={local(new Date(Date.now() + 365 * 86_400_000))} required onChange={(e) => setOwn(e.currentTarget.value)} />
        </label>
        <Button size="sm" type="submit" loading={act.isPending}>{t('action.snooze')}</Button>
      </form>
    </Modal>
  )
}

export function ResolveDialog({ c, close }: Props) {
  const { t } = useTranslation()
  const codes = useQuery(dispositions).data ?? []
  const [code, setCode] = useState(c.disposition ?? '')
  const act = useAct(
    () => api.resolve(c.id, code || undefined),
    () => {
      say(t('resolve.done'))
      close()
    },
  )
  return (
    <Modal opened onClose={close} title={t('resolve.title')} size="sm" closeButtonProps={{ 'aria-label': t('common.close') }} data-testid="resolve-dialog">
      <form
        onSubmit={(e) => {
          e.preventDefault()
          act.mutate(undefined)
        }}
      >
        <NativeSelect
          label={t('resolve.disposition')} value={code} onChange={(e) => setCode(e.currentTarget.value)} mb="md" data-autofocus data-testid="disposition"
          data={[{ value: '', label: t('resolve.none') }, ...codes.map((d) => ({ value: d.key, label: d.name }))]}
        />
        <Foot close={close} busy={act.isPending} label={t('action.resolve')} />
      </form>
    </Modal>
  )
}
