import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { clock, span } from '../format'
import { complain } from '../parts/ask'
import { type Call, callsOf, device, phoneApi, soundUrl } from './api'

/** A conversation's calls: when, how long, what became of them, and what was recorded; and a way to call. */
export function CallHistory({ conversation, number }: { conversation: number; number?: string }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const setting = useQuery(device).data
  const calls = useQuery({ ...callsOf(conversation), refetchInterval: 10_000 }).data ?? []
  const dial = useMutation({
    mutationFn: (to: string) => phoneApi.dial({ number: to, conversation_id: conversation }),
    onError: complain,
    onSettled: () => void client.invalidateQueries({ queryKey: ['calls'] }),
  })
  const target = number ?? calls.find((c) => c.number.startsWith('+'))?.number
  if (!setting?.numbers.length || (!calls.length && !target)) return null
  return (
    <section className="callhistory" aria-labelledby="call-history" data-testid="call-history">
      <div className="hflex" style={{ justifyContent: 'space-between' }}>
        <h3 className="section" id="call-history">{t('call.history')}</h3>
        {target && <Button size="compact-sm" variant="default" onClick={() => dial.mutate(target)} loading={dial.isPending} data-testid="call-dial">{t('call.dial')}</Button>}
      </div>
      {calls.map((c) => <Row key={c.id} call={c} />)}
    </section>
  )
}

function Row({ call: c }: { call: Call }) {
  const { t } = useTranslation()
  const facts = [
    c.outcome ? t(`call.became.${c.outcome}`) : t(`call.state.${c.state}`),
    c.wait_seconds !== null && t('call.waited', { span: span(c.wait_seconds) }),
    c.talk_seconds ? t('call.talked', { span: span(c.talk_seconds) }) : null,
    c.hold_seconds ? t('call.heldFor', { span: span(c.hold_seconds) }) : null,
  ].filter(Boolean)
  return (
    <div className="callrow">
      <div className="hflex"><strong>{t(c.kind === 'callback' ? 'call.callback' : `call.${c.direction}`)}</strong><span className="meta">{clock(c.started_at)}</span><span dir="auto" className="meta cut grow">{c.agent?.name ?? ''}</span></div>
      <div className="meta">{facts.join(' · ')}</div>
      {c.recordings.map((r) => (
        <div key={r.id}>
          {r.state === 'stored' ? <audio controls preload="none" src={soundUrl(r.id)} aria-label={t(r.kind === 'voicemail' ? 'call.voicemail' : 'call.recording')} /> : <span className="meta">{t(r.state === 'lost' ? 'call.recordingLost' : 'call.recordingComing')}</span>}
          {r.transcript && <div className="mut">“{r.transcript}”</div>}
        </div>
      ))}
    </div>
  )
}
