import { useMay } from './me'
import { Button } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useEffect, useRef } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Offer, Problem } from '../api'
import { usePhone } from '../calls/phone'
import { complain, say } from '../parts/ask'
import { ChannelWord, Waited, useLatest, useWho } from '../parts/bits'
import { useNow } from '../parts/clock'
import { isCall } from '../state/channels'
import { span } from '../format'
import { useAltKeys } from '../parts/keys'
import { offers as offersQuery } from '../parts/queries'
import { useReason } from '../parts/reasons'
import { useSaid } from '../parts/said'
import { remembered } from '../state/prefs'
import { secondsLeft, withoutOffer } from '../state/reducers'

let audio: AudioContext | null = null

/** Two short tones, made here: no file, no autoplay prompt once the agent has clicked anything. */
function ring(): void {
  // Before the first click or key the browser keeps every page silent, and complains about trying.
  if (!remembered('sound', true) || !navigator.userActivation?.hasBeenActive) return
  try {
    audio ??= new AudioContext()
    const start = audio.currentTime
    for (const [i, hz] of [660, 880].entries()) {
      const tone = audio.createOscillator()
      const gain = audio.createGain()
      tone.frequency.value = hz
      gain.gain.setValueAtTime(0.0001, start + i * 0.18)
      gain.gain.exponentialRampToValueAtTime(0.12, start + i * 0.18 + 0.02)
      gain.gain.exponentialRampToValueAtTime(0.0001, start + i * 0.18 + 0.16)
      tone.connect(gain).connect(audio.destination)
      tone.start(start + i * 0.18)
      tone.stop(start + i * 0.18 + 0.18)
    }
  } catch {
    // No sound device: the card is still there.
  }
}

function useAnnounce(offers: Offer[]) {
  const { t } = useTranslation()
  const who = useWho()
  const said = useSaid()
  const seen = useRef(new Set<number>())
  const shown = useRef<Notification[]>([])
  // A customer's words do not stay on the screen of whoever has left.
  useEffect(() => () => shown.current.forEach((note) => note.close()), [])
  useEffect(() => {
    for (const o of offers) {
      if (seen.current.has(o.id)) continue
      seen.current.add(o.id)
      ring()
      if (document.hidden && 'Notification' in window && Notification.permission === 'granted') {
        const note = new Notification(t('offer.title', { queue: o.queue.name }), { body: `${who(o.contact)}: ${said(o.preview, o.said)}`, tag: `offer-${o.id}` })
        note.onclick = () => window.focus()
        shown.current.push(note)
      }
    }
  }, [offers, t])
}

export function Offers() {
  const { t } = useTranslation()
  const who = useWho()
  const client = useQueryClient()
  const navigate = useNavigate()
  const phone = usePhone()
  const takes = useMay()('conversation.handle')
  const found = useQuery({ ...offersQuery, enabled: takes }).data
  const data = takes && found ? found : [] // what was read before the right went is not shown after it
  const now = useNow(500)
  // One card at a time: what ends first, as a telephone that rings beside mails that wait.
  const live = data.filter((o) => secondsLeft(o, now) > 0).sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at))
  const first = live[0]
  useAnnounce(live)

  const remove = (id: number) => client.setQueryData<Offer[]>(['offers'], (old) => withoutOffer(old ?? [], id))
  const accept = useMutation({
    // A call is accepted by picking up: whose telephone is in the room has it.
    mutationFn: async (o: Offer) => {
      if (!isCall(o.channel)) return api.accept(o.id)
      if (phone.state === 'phone') say(t('call.yourPhone'))
      else await phone.answer()
      return { conversation_id: o.conversation_id }
    },
    onSuccess: ({ conversation_id }, o) => {
      remove(o.id)
      for (const key of [['list'], ['counts'], ['session']]) void client.invalidateQueries({ queryKey: key })
      void navigate({ to: '/inbox/$view/$id', params: { view: 'mine', id: String(conversation_id) } })
    },
    onError: (e, o) => {
      if (e instanceof Problem && [404, 409].includes(e.status)) {
        remove(o.id)
        complain(new Problem(e.status, '', t('offer.gone')))
      } else complain(e)
    },
  })
  const decline = useMutation({
    mutationFn: async (o: Offer) => {
      if (isCall(o.channel)) await phone.refuse()
      return api.decline(o.id)
    },
    onMutate: (o) => void remove(o.id),
    onError: (e) => {
      if (!(e instanceof Problem && [404, 409].includes(e.status))) complain(e)
    },
  })
  const busy = useLatest(accept.isPending)
  useAltKeys({
    a: () => first && !busy.current && accept.mutate(first),
    d: () => first && !busy.current && decline.mutate(first),
  })

  const left = first ? secondsLeft(first, now) : null
  const spoken = left !== null && (Math.ceil(left) === 10 || Math.ceil(left) === 5) ? t('offer.seconds', { count: Math.ceil(left) }) : ''
  return (
    <>
      {/* Both regions stay in the page: a live region only speaks when its own text changes. */}
      <div className="sr" role="status">{first ? t('offer.arrived', { queue: first.queue.name, name: who(first.contact) }) : ''}</div>
      <div className="sr" aria-live="assertive">{spoken}</div>
      {first && (
        <div className="offers">
          <Card
            offer={first} left={secondsLeft(first, now)} waiting={live.length - 1} busy={accept.isPending}
            accept={() => accept.mutate(first)} decline={() => decline.mutate(first)}
          />
        </div>
      )}
    </>
  )
}

function Card(p: { offer: Offer; left: number; waiting: number; busy: boolean; accept: () => void; decline: () => void }) {
  const { t } = useTranslation()
  const { offer: o, left } = p
  const because = useReason()
  const who = useWho()
  const said = useSaid()
  const whole = Math.max(1, (Date.parse(o.expires_at) - Date.parse(o.offered_at)) / 1000)
  return (
    <section className={`offer c-${o.channel}`} aria-labelledby={`offer-${o.id}`} data-testid="offer-card">
      <div className="hflex" style={{ justifyContent: 'space-between' }}>
        <strong id={`offer-${o.id}`} className="hflex"><ChannelWord channel={o.channel} /> <span dir="auto" className="cut">· {o.queue.name}</span></strong>
        <span className="meta" role="timer" aria-label={t('offer.seconds', { count: Math.ceil(left) })}>{span(Math.ceil(left))}</span>
      </div>
      <div dir="auto" className="cut" style={{ marginTop: 6, fontWeight: 600 }}>{who(o.contact)}</div>
      {o.subject && o.subject !== o.preview && <div dir="auto" className="cut">{o.subject}</div>}
      <div dir="auto" className="mut clamp2">{said(o.preview, o.said)}</div>
      <div className="meta" style={{ marginTop: 4 }}>{o.waiting_since ? <Waited since={o.waiting_since} skew={o.skew ?? 0} /> : t('offer.answeredBefore')}{o.because.length > 0 ? ` · ${because(o.because)}` : ''}</div>
      <div className={`prog${left <= 5 ? ' urgent' : ''}`} aria-hidden="true"><i style={{ transform: `scaleX(${Math.min(1, left / whole)})` }} /></div>
      <div className="hflex">
        <Button size="sm" flex={1} onClick={p.accept} loading={p.busy} data-testid="offer-accept">
          {t(isCall(o.channel) ? 'call.answer' : 'offer.accept')}&nbsp;<kbd>Alt A</kbd>
        </Button>
        <Button size="sm" flex={1} variant="default" onClick={p.decline} disabled={p.busy} data-testid="offer-decline">
          {t('offer.decline')}&nbsp;<kbd>Alt D</kbd>
        </Button>
      </div>
      {p.waiting > 0 && <div className="meta" style={{ marginTop: 8, textAlign: 'center' }}>{t('offer.more', { n: p.waiting })}</div>}
    </section>
  )
}
