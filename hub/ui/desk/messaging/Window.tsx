/** WhatsApp's rule: after the customer's message anything may be said for a while, then only what is approved. */
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { lasting } from '../format'
import { Icon } from '../parts/icons'

const WARM = 3600

/** Seconds until free text ends, by the server's clock (`skew`: how far ahead ours is, in ms); null: never, 0: it has. */
export function useWindow(ends: string | null | undefined, skew = 0): number | null {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!ends) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), 5_000)
    return () => clearInterval(timer)
  }, [ends])
  return ends ? Math.max(0, (Date.parse(ends) + skew - now) / 1000) : null
}

interface Props { left: number | null; templates: boolean; filling: boolean; turn: (filling: boolean) => void }

export function WindowBar({ left, templates, filling, turn }: Props) {
  const { t } = useTranslation()
  if (left === null && !templates) return null
  if (left === 0)
    return (
      <div className="wait closed" role="status" data-testid="window" data-open="false">
        <Icon name="clock" small />
        <span className="grow">{t(templates ? 'window.closed' : 'window.closedBare')}</span>
      </div>
    )
  return (
    <div className="hflex window" style={{ marginBottom: 4, flexWrap: 'wrap' }}>
      {left !== null && (
        <span className={`pill ${left < WARM ? 'soon' : 'line'}`} role="timer" data-testid="window" data-open="true">
          <Icon name="clock" small />{t('window.open', { span: lasting(left) })}
        </span>
      )}
      {templates && (
        <button type="button" className="linklike" aria-pressed={filling} onClick={() => turn(!filling)} data-testid="use-template">
          {t(filling ? 'window.freeText' : 'window.template')}
        </button>
      )}
    </div>
  )
}
