import { Switch } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { AgentLive, Board, QueueLive, ServiceLevel } from '../api'
import { explain } from '../parts/ask'
import { Empty } from '../parts/bits'
import { secondsSince, useNow } from '../parts/clock'
import { clock, number, percent, span } from '../format'
import { board as boardQuery } from '../parts/queries'
import { LiveCalls } from '../calls/LiveCalls'
import { loadTitle, loadWords, useReasonName } from '../shell/TopBar'
import { useLive } from '../state/live'
import { Chart } from './Chart'

const STALE = 10

export function BoardPage() {
  const live = useLive()
  const found = useQuery({ ...boardQuery, refetchInterval: live.state === 'ready' ? false : 10_000 })
  const { watch, unwatch } = live
  useEffect(() => {
    watch('wall', 0)
    return () => unwatch('wall')
  }, [watch, unwatch])
  if (found.data) return <Wall b={found.data} />
  return <main className="page">{found.isError ? <Empty icon="warn" title={explain(found.error)} /> : null}</main>
}

function Wall({ b }: { b: Board }) {
  const { t } = useTranslation()
  return (
    <main className="page" tabIndex={0} data-testid="board">
      <div className="hflex" style={{ justifyContent: 'space-between', flexWrap: 'wrap' }}>
        <h1>{t('board.title')}</h1>
        <Age at={b.at} />
      </div>
      <div className="tiles">
        <Tile name="waiting" value={number(b.waiting)} label={t('board.waiting')} />
        <Tile name="longest" value={b.waiting && b.longest_wait_seconds !== null ? span(b.longest_wait_seconds) : '–'} label={t('board.longest')} kind={grade(b.longest_wait_seconds, b.service_level.target_seconds)} />
        <LevelTile s={b.service_level} />
        <Tile name="abandoned" value={number(b.abandoned)} label={t('board.abandoned')} hint={t('board.answeredToday', { n: number(b.answered) })} />
        {(['available', 'busy', 'away', 'wrap_up'] as const).map((s) => (
          <Tile key={s} name={s} value={number(b.agents[s])} label={<><i className={`dot ${s === 'wrap_up' ? 'busy' : s}`} style={s === 'wrap_up' ? { background: 'var(--chat)' } : undefined} /> {t(s === 'wrap_up' ? 'board.wrapUp' : `presence.${s}`)}</>} />
        ))}
      </div>
      <div className="cols">
        <Queues rows={b.queues} />
        <Hour series={b.series} />
      </div>
      <LiveCalls />
      <Agents rows={b.agent_list} />
    </main>
  )
}

const grade = (seconds: number | null, target: number | null) =>
  seconds === null || target === null ? undefined : (seconds > target ? 'late' : seconds > target * 0.75 ? 'soon' : undefined)

/** How old the numbers are, by this browser's clock from their arrival: two clocks that differ must not look like staleness. */
function Age({ at }: { at: string }) {
  const { t } = useTranslation()
  const arrived = useRef({ at: '', since: 0 })
  if (arrived.current.at !== at) arrived.current = { at, since: Date.now() }
  const now = useNow()
  const age = Math.max(0, Math.round((now - arrived.current.since) / 1000))
  const stale = age > STALE
  return (
    <span className={`pill ${stale ? 'late' : 'ok'}`} data-testid="data-age" data-stale={stale} role="status">
      {stale ? t('board.stale', { span: span(age) }) : t('board.live', { at: clock(at) })}
    </span>
  )
}

function Tile(p: { name: string; value: string; label: React.ReactNode; hint?: string; kind?: string }) {
  return (
    <div className="tile" data-testid={`tile-${p.name}`}>
      <div dir="auto" className="mut cut">{p.label}</div>
      <div className={`v ${p.kind ?? ''}`} data-testid={`value-${p.name}`}>{p.value}</div>
      {p.hint && <div dir="auto" className="meta clamp2" title={p.hint}>{p.hint}</div>}
    </div>
  )
}

function useVariant() {
  const { t, i18n } = useTranslation()
  return (s: ServiceLevel) => (i18n.exists(`variant.${s.variant}`) ? t(`variant.${s.variant}`) : s.variant.replaceAll('_', ' '))
}

function LevelTile({ s }: { s: ServiceLevel }) {
  const { t } = useTranslation()
  const variant = useVariant()
  const kind = s.percent === null ? undefined : s.percent >= 80 ? 'ok' : s.percent >= 60 ? 'soon' : 'late'
  return (
    <Tile
      name="service-level" label={s.target_seconds === null ? t('board.levelOwn') : t('board.level', { span: span(s.target_seconds) })} value={s.percent === null ? '–' : percent(s.percent)} kind={kind}
      hint={`${number(s.answered_in_target)}/${number(s.offered)} · ${variant(s)}`}
    />
  )
}

function Queues({ rows }: { rows: QueueLive[] }) {
  const { t } = useTranslation()
  return (
    <section className="panel" aria-labelledby="board-queues">
      <header><h2 id="board-queues">{t('board.queues')}</h2></header>
      <div style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-labelledby="board-queues">
        <table className="tbl" data-testid="queue-table">
          <thead>
            <tr>
              <th>{t('board.queue')}</th><th className="r">{t('board.waitingShort')}</th><th className="r">{t('board.longest')}</th>
              <th className="r">{t('board.inHand')}</th><th className="r">{t('board.levelShort')}</th><th className="r">{t('board.asa')}</th>
              <th className="r">{t('board.abandonedShort')}</th><th className="r">{t('board.staff')}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((q) => (
              <tr key={q.id} data-testid="queue-row">
                <td style={{ fontWeight: 500 }}>{q.name}</td>
                <td className="r">{number(q.waiting)}</td>
                <td className="r">{q.waiting && q.longest_wait_seconds !== null ? <span className={`pill ${grade(q.longest_wait_seconds, q.service_level.target_seconds) ?? 'ok'}`}>{span(q.longest_wait_seconds)}</span> : '–'}</td>
                <td className="r">{number(q.assigned)}</td>
                <td className="r" title={q.service_level.target_seconds === null ? undefined : t('board.level', { span: span(q.service_level.target_seconds) })}>{q.service_level.percent === null ? '–' : percent(q.service_level.percent)}</td>
                <td className="r">{q.average_speed_of_answer === null ? '–' : span(q.average_speed_of_answer)}</td>
                <td className="r">{number(q.abandoned)}</td>
                <td className="r">{q.agents_total ? `${number(q.agents_available)}/${number(q.agents_total)}` : <span className="pill late" data-testid="queue-nobody">{t('place.nobody')}</span>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Hour({ series }: { series: Board['series'] }) {
  const { t } = useTranslation()
  const [table, setTable] = useState(false)
  return (
    <section className="panel" aria-labelledby="board-hour">
      <header>
        <h2 id="board-hour">{t('board.hour')}</h2>
        <Switch size="xs" checked={table} onChange={(e) => setTable(e.currentTarget.checked)} label={t('board.asTable')} data-testid="as-table" />
      </header>
      {table ? (
        <div style={{ maxHeight: 240, overflow: 'auto' }} tabIndex={0} role="region" aria-labelledby="board-hour">
          <table className="tbl">
            <thead><tr><th>{t('board.from')}</th><th className="r">{t('board.arrived')}</th><th className="r">{t('board.answered')}</th></tr></thead>
            <tbody>{series.map((s) => <tr key={s.at}><td>{clock(s.at)}</td><td className="r">{number(s.arrived)}</td><td className="r">{number(s.answered)}</td></tr>)}</tbody>
          </table>
        </div>
      ) : (
        <Chart series={series} />
      )}
    </section>
  )
}

function Agents({ rows }: { rows: AgentLive[] }) {
  const { t } = useTranslation()
  const reasonName = useReasonName()
  const now = useNow()
  const order = ['available', 'busy', 'away', 'offline']
  const sorted = [...rows].sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || a.name.localeCompare(b.name))
  return (
    <section className="panel" aria-labelledby="board-agents">
      <header><h2 id="board-agents">{t('board.agents')}</h2></header>
      <div className="agents">
        {sorted.map((a) => (
          <div key={a.id} className="agentcard" data-testid="agent-card" data-state={a.state}>
            <div className="hflex"><i className={`dot ${a.state}`} /><strong dir="auto" className="cut grow">{a.name}</strong><span className="meta">{span(secondsSince(a.since, now))}</span></div>
            <div dir="auto" className="meta cut">
              {t(`presence.${a.state}`)}{a.reason ? ` · ${reasonName(a.reason)}` : ''}{a.wrapping > 0 ? ` · ${t('state.wrapping')}` : ''}
            </div>
            <div dir="auto" className="meta cut" title={loadTitle(a.load, t)}>{loadWords(a.load, t) || t('top.load', { used: a.load.used - a.load.gives_way, capacity: a.load.capacity })}</div>
            <div className="loadbar" aria-hidden="true"><i style={{ width: `${Math.min(100, ((a.load.used - a.load.gives_way) / Math.max(1, a.load.capacity)) * 100)}%` }} /></div>
          </div>
        ))}
      </div>
    </section>
  )
}
