/** The numbers we write from: what left today against the caps, what waits, and whether everything is here; for supervisors. */
import '../mailboxes/words'
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { ago, dayOf, money, number, stamp } from '../format'
import '../mail.css'
import { type MessagingAccount, messagingAccounts } from '../messaging/api'
import '../messaging/messaging.css'
import { explain } from '../parts/ask'
import { ChannelWord, Empty } from '../parts/bits'
import { useNow } from '../parts/clock'
import { can } from '../state/channels'
import { Icon } from '../parts/icons'
import { SilentAccount } from '../parts/SilentAccount'

export function NumbersPage() {
  const { t } = useTranslation()
  const found = useQuery(messagingAccounts)
  return (
    <main className="page" data-testid="numbers" tabIndex={-1}>
      <h1>{t('numbers.title')}</h1>
      {found.isError && <div className="alert" role="alert">{explain(found.error)}</div>}
      {found.data?.length === 0 && <Empty icon="sms" title={t('numbers.none')} />}
      <div className="boxes">{found.data?.map((a) => <Line key={a.account_id} a={a} />)}</div>
    </main>
  )
}

function Line({ a }: { a: MessagingAccount }) {
  const { t } = useTranslation()
  const sms = can(a.channel).segments
  return (
    <section className="panel box" data-testid="number" data-id={a.account_id} data-channel={a.channel} aria-label={a.name}>
      <header>
        <div style={{ minWidth: 0 }}>
          <h2 dir="auto" className="cut">{a.name}</h2>
          <span className="hflex"><ChannelWord channel={a.channel} /> <span dir="auto" className="mut cut">{a.address}</span></span>
        </div>
        <State a={a} />
      </header>
      <div className="measures">
        {(sms || a.segments_today > 0 || a.daily_segments !== null) && (
          <Measure name={t(sms ? 'numbers.segments' : 'numbers.messages')} now={a.segments_today} most={a.daily_segments} say={number} id="segments" />
        )}
        {(a.spent_today !== null || a.daily_spend !== null) && (
          <Measure name={t('numbers.spent')} now={a.spent_today ?? 0} most={a.daily_spend} say={(n) => money(n, a.currency)} id="spent" />
        )}
      </div>
      <div className="facts">
        <span>{a.messages_per_second === null ? t('numbers.anyPace') : t('numbers.pace', { n: number(a.messages_per_second) })}</span>
        <span data-testid="destinations">{a.destinations.length ? t('numbers.destinations', { list: a.destinations.join(', ') }) : t('numbers.anywhere')}</span>
        <span data-testid="number-waiting">{t('numbers.waiting', { n: number(a.waiting) })}</span>
        {a.unsettled > 0 && <Fact warn><Link to="/unsettled">{t('numbers.unsettled', { n: number(a.unsettled) })}</Link></Fact>}
      </div>
      <SilentAccount sending={a.sending} />
      <Reconciled a={a} />
    </section>
  )
}

function Fact({ warn, children }: { warn?: boolean; children: ReactNode }) {
  return <span className={warn ? 'wrong hflex' : undefined} style={{ gap: 4 }}>{warn && <Icon name="warn" small />}{children}</span>
}

const share = (now: number, most: number | null) => (most ? Math.min(1, now / most) : 0)
const fullest = (a: MessagingAccount) => Math.max(share(a.segments_today, a.daily_segments), share(a.spent_today ?? 0, a.daily_spend))

function State({ a }: { a: MessagingAccount }) {
  const { t } = useTranslation()
  const full = fullest(a)
  if (a.sending) return <span className="pill late" data-testid="number-state"><Icon name="warn" small />{t('silent.short')}</span>
  if (full >= 1) return <span className="pill late" data-testid="number-state"><Icon name="warn" small />{t('numbers.full')}</span>
  if (a.unsettled > 0 || (a.last_reconciled?.missing ?? 0) > 0) return <span className="pill soon" data-testid="number-state"><Icon name="warn" small />{t('numbers.look')}</span>
  return <span className={`pill ${full >= 0.8 ? 'soon' : 'ok'}`} data-testid="number-state">{t(full >= 0.8 ? 'numbers.nearly' : 'numbers.well')}</span>
}

/** A number of today, against its cap where there is one. */
function Measure({ name, now, most, say, id }: { name: string; now: number; most: number | null; say: (n: number) => string; id: string }) {
  const { t } = useTranslation()
  const part = share(now, most)
  return (
    <div data-testid={`measure-${id}`}>
      <div className="of"><span className="mut">{name}</span><span>{most === null ? t('numbers.noCap', { now: say(now) }) : t('numbers.of', { now: say(now), most: say(most) })}</span></div>
      {most !== null && (
        <div className={`meter ${part >= 1 ? 'late' : part >= 0.8 ? 'soon' : ''}`} role="meter" aria-label={name} aria-valuenow={now} aria-valuemin={0} aria-valuemax={most} aria-valuetext={t('numbers.of', { now: say(now), most: say(most) })}>
          <i style={{ width: `${part * 100}%` }} />
        </div>
      )}
    </div>
  )
}

function Reconciled({ a }: { a: MessagingAccount }) {
  const { t } = useTranslation()
  const now = useNow(30_000)
  const r = a.last_reconciled
  if (!r) return <p className="meta" style={{ margin: '8px 0 0' }} data-testid="reconciled">{t('numbers.neverCompared')}</p>
  return (
    <p className={r.missing ? 'wrong' : 'meta'} style={{ margin: '8px 0 0' }} title={stamp(r.at)} data-testid="reconciled">
      {t('numbers.compared', { day: dayOf(r.day), ago: ago(r.at, now), theirs: number(r.provider_count), ours: number(r.stored_count), missing: number(r.missing) })}
    </p>
  )
}
