import { Button } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { lazy, Suspense, useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Conversation, Problem } from '../api'
import { explain, say, useAct } from '../parts/ask'
import { Empty, Loading, useLatest } from '../parts/bits'
import { useNow } from '../parts/clock'
import { span, stamp } from '../format'
import { Icon } from '../parts/icons'
import { useKeys } from '../parts/keys'
import { conversation as conversationQuery } from '../parts/queries'
import { useSaid } from '../parts/said'
import { useMe } from '../shell/me'
import { useLive } from '../state/live'
import { remembered } from '../state/prefs'
import { Composer, type ComposerHandle } from './Composer'
import { type Dialog, Head, Standing } from './Head'
import { Messages } from './Messages'
import { Why } from './Why'

const TransferDialog = lazy(async () => ({ default: (await import('./Actions')).TransferDialog }))
const SnoozeDialog = lazy(async () => ({ default: (await import('./Actions')).SnoozeDialog }))
const ResolveDialog = lazy(async () => ({ default: (await import('./Actions')).ResolveDialog }))

interface Props {
  id: number
  view: string
  panelOpen: boolean
  togglePanel: () => void
  onContact: (id: number | null) => void
}

export function ConversationPane({ id, view, panelOpen, togglePanel, onContact }: Props) {
  const { t } = useTranslation()
  const live = useLive()
  const found = useQuery({ ...conversationQuery(id), refetchInterval: live.state === 'ready' ? false : 10_000 })
  const c = found.data
  const contact = c?.contact.id ?? null
  useEffect(() => {
    onContact(contact)
  }, [contact, onContact])
  useWatch(c)

  if (c) return <Pane c={c} view={view} panelOpen={panelOpen} togglePanel={togglePanel} />
  const missing = found.error instanceof Problem && found.error.status === 404
  return (
    <main className="conv">
      {found.isPending ? (
        <Loading />
      ) : (
        <Empty icon="warn" title={missing ? t('conv.missing') : explain(found.error)}>
          <Link to="/inbox/$view" params={{ view }}>{t('conv.back')}</Link>
        </Empty>
      )}
    </main>
  )
}

/** Follow the conversation's topic while it is on the screen, and tell the server what has been read. */
function useWatch(c: Conversation | undefined): void {
  const live = useLive()
  const { watch, unwatch, tell } = live
  const topic = c?.topic
  const seq = useLatest(c?.cursor ?? c?.seq ?? 0)
  useEffect(() => {
    if (!topic) return
    watch(topic, seq.current)
    return () => unwatch(topic)
  }, [topic, watch, unwatch, seq])

  useEffect(() => {
    if (!topic || live.state !== 'ready') return
    tell(topic, 'viewing')
    const timer = setInterval(() => !document.hidden && tell(topic, 'viewing'), 15_000)
    return () => {
      clearInterval(timer)
      tell(topic, 'left')
    }
  }, [topic, tell, live.state])

  const id = c?.id
  const last = c?.interactions.reduce((max, i) => Math.max(max, i.seq), 0) ?? 0
  const told = useRef(0)
  useEffect(() => {
    if (id === undefined || last <= told.current) return
    const mark = () => {
      if (document.hidden) return
      told.current = last
      void api.read(id, last).catch(() => {
        told.current = 0
      })
    }
    mark()
    document.addEventListener('visibilitychange', mark, { once: true })
    return () => document.removeEventListener('visibilitychange', mark)
  }, [id, last])
}

/** Who else looks at this or is typing; entries age out, because nobody says goodbye. */
function useCompany(topic: string): { viewing: string[]; typing: string[] } {
  const { onEph } = useLive()
  const { agent } = useMe()
  const now = useNow(2_000)
  const { t } = useTranslation()
  const [seen, setSeen] = useState<Record<string, { name: string; typing: number; viewing: number }>>({})
  useEffect(
    () =>
      onEph((where, type, who) => {
        if (where !== topic || who?.id === agent.id) return
        const key = String(who?.id ?? 'customer')
        setSeen((old) => {
          const entry = old[key] ?? { name: who?.name ?? '', typing: 0, viewing: 0 }
          if (type === 'left') return { ...old, [key]: { ...entry, typing: 0, viewing: 0 } }
          return { ...old, [key]: { ...entry, [type === 'typing' ? 'typing' : 'viewing']: Date.now() } }
        })
      }),
    [onEph, topic, agent.id],
  )
  const names = (kind: 'typing' | 'viewing', patience: number) =>
    Object.values(seen).filter((x) => now - x[kind] < patience).map((x) => x.name || t('conv.customer'))
  return { viewing: names('viewing', 35_000), typing: names('typing', 6_000) }
}

function Pane({ c, view, panelOpen, togglePanel }: { c: Conversation; view: string; panelOpen: boolean; togglePanel: () => void }) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const me = useMe()
  const company = useCompany(c.topic)
  const composer = useRef<ComposerHandle>(null)
  const [dialog, setDialog] = useState<Dialog | null>(null)
  // An answer that was begun lies open.
  const [writing, setWriting] = useState(() => remembered(`draft.${c.id}.reply`, '') !== '')
  const closed = c.status === 'resolved'
  const mine = c.agent?.id === me.agent.id
  const reopen = useAct(() => api.reopen(c.id))
  const wrapUp = useAct(() => api.wrapUp(c.id), () => say(t('wrap.ended')))
  const leave = () => void navigate({ to: '/inbox/$view', params: { view } })

  useKeys({
    r: () => composer.current?.focus('reply'),
    n: () => composer.current?.focus('note'),
    m: () => composer.current?.canned(),
    a: () => setDialog('transfer'),
    s: () => !closed && setDialog('snooze'),
    e: () => !closed && setDialog('resolve'),
    ']': togglePanel,
    Escape: leave,
    Enter: () => composer.current?.focus('reply'),
  })

  return (
    <main className="conv" data-testid="conversation" data-id={c.id}>
      <Head
        c={c} viewing={company.viewing} panelOpen={panelOpen} togglePanel={togglePanel} leave={leave} open={setDialog}
        next={!writing && c.waiting_since === null}
      />
      {c.failed && <Failed c={c} />}
      {c.status === 'snoozed' && c.snoozed_until && (
        <div className="banner warn">
          <Icon name="clock" small /><span className="grow">{t('snooze.until', { at: stamp(c.snoozed_until) })}</span>
          <Button variant="default" size="xs" onClick={() => reopen.mutate(undefined)} loading={reopen.isPending} data-testid="wake">{t('action.wake')}</Button>
        </div>
      )}
      {c.entry_state === 'wrapping' && (
        <WrapUp until={c.wrap_up_until} end={() => wrapUp.mutate(undefined)} busy={wrapUp.isPending} />
      )}
      <Messages
        c={c} head={<Standing c={c} />}
        foot={<div className="typing" aria-live="polite">{company.typing.length > 0 && t('conv.typing', { names: company.typing.join(', ') })}</div>}
      />
      <Composer
        ref={composer} c={c} company={company.typing} resolved={() => say(t('resolve.done'))} writing={writing} setWriting={setWriting}
        next={mine && !closed && c.waiting_since !== null}
      />
      <Suspense>
      {dialog === 'transfer' && <TransferDialog c={c} close={() => setDialog(null)} leave={leave} />}
      {dialog === 'snooze' && <SnoozeDialog c={c} close={() => setDialog(null)} />}
      {dialog === 'resolve' && <ResolveDialog c={c} close={() => setDialog(null)} />}
      </Suspense>
      <Why id={c.id} opened={dialog === 'why'} close={() => setDialog(null)} />
    </main>
  )
}

/** An answer that did not arrive, in the words of the server that refused it. */
function Failed({ c }: { c: Conversation }) {
  const { t } = useTranslation()
  const said = useSaid()
  const last = c.interactions.findLast((i) => i.status === 'failed' || i.status === 'unknown')
  return (
    <div className="banner bad" role="alert" data-testid="failed">
      <Icon name="warn" small />
      <span className="grow">{t('conv.notDelivered')} {last?.error && said(last.error)}</span>
    </div>
  )
}

function WrapUp({ until, end, busy }: { until: string | null; end: () => void; busy: boolean }) {
  const { t } = useTranslation()
  const now = useNow()
  const left = until ? Math.max(0, (Date.parse(until) - now) / 1000) : null
  return (
    <div className="banner" data-testid="wrap-up">
      <Icon name="clock" small />
      <span className="grow">{left === null ? t('wrap.running') : t('wrap.left', { span: span(left) })}</span>
      <Button variant="default" onClick={end} loading={busy} data-testid="end-wrap-up">{t('wrap.end')}</Button>
    </div>
  )
}
