import { Button, Select } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { complain } from '../parts/ask'
import { useWho } from '../parts/bits'
import { secondsSince, useNow } from '../parts/clock'
import { Icon } from '../parts/icons'
import { dispositions } from '../parts/queries'
import { span } from '../format'
import { useMay, useMe } from '../shell/me'
import { type Call, type Leg, myCalls, phoneApi } from './api'
import { Keypad } from './Keypad'
import { usePhone } from './phone'
import { TransferForm } from './TransferForm'

/** The bar at the bottom while there is a call of mine: what it is, how long, and what can be done. */
export function CallBar() {
  const phones = useMay()('call.make')
  const calls = useQuery({ ...myCalls, enabled: phones, refetchInterval: (q) => (q.state.data?.length ? 2_000 : 15_000) }).data ?? []
  const me = useMe().agent.id
  const shown = calls.filter((c) => c.state === 'ended' || mine(c, me)?.offered === false) // an offer has its own card
  if (!shown.length) return null
  return (
    <div className="calls" data-testid="calls">
      {shown.map((c) => (c.state === 'ended' ? <Wrap key={c.id} call={c} /> : <One key={c.id} call={c} />))}
    </div>
  )
}

const mine = (c: Call, me: number): Leg | undefined => [...c.legs].reverse().find((l) => l.agent?.id === me && l.state !== 'ended')

/** An action on a call: the bar shows its answer at once. */
function useCall<V>(run: (v: V) => Promise<unknown>) {
  const client = useQueryClient()
  return useMutation({ mutationFn: run, onSettled: () => void client.invalidateQueries({ queryKey: ['calls'] }), onError: complain })
}

function One({ call: c }: { call: Call }) {
  const { t } = useTranslation()
  const me = useMe().agent.id
  const who = useWho()
  const phone = usePhone()
  const [open, setOpen] = useState<'keys' | 'transfer' | null>(null)
  const leg = mine(c, me)
  const customer = [...c.legs].reverse().find((l) => l.role === 'customer')
  const asked = c.legs.find((l) => l.consult && l.state !== 'ended' && l.id !== leg?.id)
  const gone = asked ? undefined : [...c.legs].reverse().find((l) => l.consult && l.state === 'ended' && l.id !== leg?.id)
  const hold = useCall((on: boolean) => phoneApi.hold(c.id, on))
  const mute = useCall(async (on: boolean) => {
    phone.mute(on)
    await phoneApi.mute(c.id, on)
  })
  const record = useCall((on: boolean) => phoneApi.recording(c.id, on))
  const hangUp = useCall(() => phoneApi.hangUp(c.id))
  const finish = useCall((how: 'complete' | 'merge' | 'cancel') => phoneApi.finishConsult(c.id, how))
  const answer = useCall(() => phone.answer())
  const held = customer?.state === 'held'
  const ringing = leg?.state === 'ringing' || leg?.state === 'dialling'
  const talking = leg?.state === 'talking'
  const listens = leg?.role === 'supervisor'
  return (
    <section className="callbar c-voice" aria-label={t('call.with', { name: who(c.contact) })} data-testid="call-bar" data-state={held ? 'held' : c.state}>
      <div className="callwho">
        <Icon name="phone" />
        <div className="grow">
          <Link to="/inbox/$view/$id" params={{ view: 'mine', id: String(c.conversation_id) }} dir="auto" className="cut" data-testid="call-who">{who(c.contact)}</Link>
          <div dir="auto" className="meta cut" role="status">
            {held ? t('call.held') : t(`call.state.${ringing ? 'ringing' : c.state}`)} <Since at={c.answered_at ?? c.started_at} now={c.server_now} />
            {asked && ` · ${t('call.asking', { name: asked.agent?.name ?? asked.endpoint ?? '' })}`}
            {gone && talking && <span data-testid="consult-gone">{` · ${t(`call.gone.${gone.end_reason ?? 'completed'}`, { name: gone.agent?.name ?? gone.endpoint ?? '' })}`}</span>}
          </div>
        </div>
      </div>
      <div className="callkeys">
        {ringing && phone.state !== 'phone' && (
          <Button size="sm" color="green" onClick={() => answer.mutate(undefined)} loading={answer.isPending} data-testid="call-answer">{t('call.answer')}</Button>
        )}
        {talking && !listens && (
          <>
            <Key icon={leg.muted ? 'micOff' : 'mic'} on={leg.muted} label={t(leg.muted ? 'call.unmute' : 'call.mute')} run={() => mute.mutate(!leg.muted)} id="mute" />
            <Key icon="pause" on={held} label={t(held ? 'call.resume' : 'call.hold')} run={() => hold.mutate(!held)} id="hold" busy={hold.isPending} />
            <Key icon="dialpad" on={open === 'keys'} label={t('call.keypad')} run={() => setOpen(open === 'keys' ? null : 'keys')} id="keypad" />
            {asked ? (
              <>
                <Button size="sm" disabled={asked.state !== 'talking'} onClick={() => finish.mutate('complete')} data-testid="consult-complete">{t('call.handOver')}</Button>
                <Button size="sm" variant="default" disabled={asked.state !== 'talking'} onClick={() => finish.mutate('merge')} data-testid="consult-merge">{t('call.merge')}</Button>
                <Button size="sm" variant="default" onClick={() => finish.mutate('cancel')} data-testid="consult-cancel">{t('call.back')}</Button>
              </>
            ) : (
              <Key icon="swap" on={open === 'transfer'} label={t('call.transfer')} run={() => setOpen(open === 'transfer' ? null : 'transfer')} id="transfer" />
            )}
            {c.recording !== 'off' && (
              <Key icon="record" on={c.recording === 'paused'} label={t(c.recording === 'on' ? 'call.pauseRecording' : 'call.resumeRecording')} run={() => record.mutate(c.recording === 'paused')} id="record" />
            )}
          </>
        )}
        {listens && talking && <Monitor call={c} mode={leg.mode} />}
        <Button size="sm" color="red" onClick={() => hangUp.mutate(undefined)} loading={hangUp.isPending} data-testid="call-hang-up">{t('call.hangUp')}</Button>
      </div>
      {open === 'keys' && <Keypad press={(k) => void phoneApi.keys(c.id, k).catch(complain)} />}
      {open === 'transfer' && <TransferForm call={c} close={() => setOpen(null)} />}
    </section>
  )
}

function Key(p: { icon: Parameters<typeof Icon>[0]['name']; label: string; on?: boolean; busy?: boolean; id: string; run: () => void }) {
  return (
    <button type="button" className="callkey" aria-pressed={p.on ?? false} title={p.label} onClick={p.run} disabled={p.busy} data-testid={`call-${p.id}`}>
      <Icon name={p.icon} />
      <span>{p.label}</span>
    </button>
  )
}

export function Monitor({ call, mode }: { call: Call; mode?: string }) {
  const { t } = useTranslation()
  const set = useCall((m: 'listen' | 'whisper' | 'barge') => phoneApi.monitor(call.id, m))
  return (
    <div className="hflex" role="group" aria-label={t('call.monitor')}>
      {(['listen', 'whisper', 'barge'] as const).map((m) => (
        <Button key={m} size="compact-sm" variant={mode === m ? 'filled' : 'default'} aria-pressed={mode === m} onClick={() => set.mutate(m)} data-testid={`monitor-${m}`}>{t(`call.${m}`)}</Button>
      ))}
    </div>
  )
}

/** Seconds since a moment, by the server's clock. */
function Since({ at, now }: { at: string; now: string }) {
  const [arrived] = useState(() => ({ skew: Date.now() - Date.parse(now) }))
  const tick = useNow()
  return <span className="num">{span(secondsSince(at, tick, arrived.skew))}</span>
}

function Wrap({ call: c }: { call: Call }) {
  const { t } = useTranslation()
  const who = useWho()
  const client = useQueryClient()
  const codes = useQuery(dispositions).data ?? []
  const [chosen, choose] = useState<string | null>(null)
  const done = useCall(async () => {
    await phoneApi.wrapUp(c.id, chosen ?? undefined)
    for (const key of [['conversation', c.conversation_id], ['list'], ['counts'], ['session']]) void client.invalidateQueries({ queryKey: key })
  })
  return (
    <section className="callbar c-voice" aria-label={t('call.wrapUp')} data-testid="call-wrap">
      <div className="callwho">
        <Icon name="phone" />
        <div className="grow">
          <div dir="auto" className="cut" style={{ fontWeight: 600 }}>{who(c.contact)}</div>
          <div className="meta">{t('call.wrapUp')} · {t('call.talked', { span: span(c.talk_seconds ?? 0) })}{c.hold_seconds ? ` · ${t('call.heldFor', { span: span(c.hold_seconds) })}` : ''}</div>
        </div>
      </div>
      <div className="callkeys">
        <Select size="sm" aria-label={t('call.outcome')} placeholder={t('call.outcome')} data={codes.map((d) => ({ value: d.key, label: d.name }))} value={chosen} onChange={choose} clearable data-testid="call-disposition" />
        <Button size="sm" onClick={() => done.mutate(undefined)} loading={done.isPending} data-testid="call-wrap-done">{t('call.done')}</Button>
      </div>
    </section>
  )
}

