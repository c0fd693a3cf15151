import { useQuery } from '@tanstack/react-query'
import { useTranslation } from 'react-i18next'
import { span } from '../format'
import { useWho } from '../parts/bits'
import { secondsSince, useNow } from '../parts/clock'
import { useMay } from '../shell/me'
import { liveCalls } from './api'
import { Monitor } from './CallBar'

/** The supervisor's view of what is being said now, with a way into it. */
export function LiveCalls() {
  const { t } = useTranslation()
  const supervises = useMay()('call.supervise')
  const who = useWho()
  const now = useNow()
  const calls = useQuery({ ...liveCalls, enabled: supervises, refetchInterval: 3_000 }).data ?? []
  if (!supervises || !calls.length) return null
  return (
    <section className="panel" style={{ marginBottom: 12 }} aria-labelledby="board-calls" data-testid="live-calls">
      <header><h2 id="board-calls">{t('call.live')}</h2></header>
      <div style={{ overflowX: 'auto' }} tabIndex={0} role="region" aria-labelledby="board-calls">
        <table className="tbl">
          <thead><tr><th>{t('call.customer')}</th><th>{t('board.queue')}</th><th>{t('call.agent')}</th><th>{t('call.status')}</th><th className="r">{t('call.lasts')}</th><th>{t('call.monitor')}</th></tr></thead>
          <tbody>
            {calls.map((c) => (
              <tr key={c.id} data-testid="live-call">
                <td style={{ fontWeight: 500 }}>{who(c.contact)}</td>
                <td>{c.queue?.name ?? '–'}</td>
                <td>{c.agent?.name ?? '–'}</td>
                <td>{t(`call.state.${c.state}`)}</td>
                <td className="r">{span(secondsSince(c.answered_at ?? c.started_at, now))}</td>
                <td>{c.state === 'talking' ? <Monitor call={c} /> : null}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}
