/** Why somebody is offered something, or is not: the server's codes (`hub/queues/decision_reasons.py`) in the reader's language. */
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { Because } from '../api'
import { amount, clock } from '../format'

type Exists = (key: string) => boolean

function idle(seconds: number): string {
  if (seconds < 120) return amount(seconds, 'second')
  return seconds < 7200 ? amount(Math.floor(seconds / 60), 'minute') : amount(Math.floor(seconds / 3600), 'hour')
}

/** One reason; what this desk does not know is said as it came. */
export function reason({ code, params = {} }: Because, t: TFunction, exists: Exists): string {
  if (code === 'presence') {
    const why = params.reason ? String(params.reason) : ''
    return t(`presence.${params.state}`) + (why ? ` · ${exists(`reason.${why}`) ? t(`reason.${why}`) : why}` : '')
  }
  if (!exists(`because.${code}`)) return String(params.text ?? code)
  const worded: Record<string, unknown> = { ...params }
  if (typeof params.channel === 'string') worded.channel = t(`channel.${params.channel}`)
  if (typeof params.at === 'string') worded.at = clock(params.at)
  if (code === 'idle') worded.span = idle(Number(params.seconds))
  return t(`because.${code}`, worded)
}

/** Turns the router's reasons into the reader's language. */
export function useReason(): (reasons: Because[]) => string {
  const { t, i18n } = useTranslation()
  return (reasons) => reasons.map((one) => reason(one, t, (key) => i18n.exists(key))).join(t('because.and'))
}
