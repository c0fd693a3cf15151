/** The router explains itself in English; here its set phrases become the reader's. What is not known stays as it came. */
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import { amount, clock } from '../format'

type Words = (m: string[], t: TFunction) => string

const units: Record<string, 'second' | 'minute' | 'hour'> = { s: 'second', min: 'minute', h: 'hour' }

const phrases: [RegExp, Words][] = [
  [/^works in this queue$/, (_, t) => t('because.queue')],
  [/^has worked on it or was asked for$/, (_, t) => t('because.asked')],
  [/^idle for (\d+) (s|min|h)$/, (m, t) => t('because.idle', { span: amount(Number(m[1]), units[m[2] ?? ''] ?? 'second') })],
  [/^(\d+) of (\d+) used$/, (m, t) => t('because.used', { used: m[1], capacity: m[2] })],
  [/^(.+) at level (\d+)$/, (m, t) => t('because.skill', { skills: m[1], n: m[2] })],
  [/^chosen$/, (_, t) => t('because.chosen')],
  [/^lacks (.+)$/, (m, t) => t('because.lacks', { skills: m[1] })],
  [/^declined or missed it just now$/, (_, t) => t('because.missed')],
  [/^full: (\d+) of (\d+)$/, (m, t) => t('because.full', { used: m[1], capacity: m[2] })],
  [/^holds (\d+) of (\d+) (\w+)$/, (m, t) => t('because.holds', { held: m[1], most: m[2], channel: t(`channel.${m[3]}`) })],
  [/^was not the one asked for$/, (_, t) => t('because.other')],
  [/^level (\d+), the chosen has (\d+)$/, (m, t) => t('because.weaker', { mine: m[1], best: m[2] })],
  [/^kept free for what fewer can do$/, (_, t) => t('because.kept')],
  [/^has more to do$/, (_, t) => t('because.busier')],
  [/^idle for a shorter time$/, (_, t) => t('because.shorter')],
  [/^Nobody works in (.+)\.$/, (m, t) => t('because.unstaffed', { queue: m[1] })],
  [/^Nobody in (.+) is available\.$/, (m, t) => t('because.unavailable', { queue: m[1] })],
  [/^Everybody available has just declined or missed it\.$/, (_, t) => t('because.allMissed')],
  [/^(\d+) available in (.+), but each is full or lacks the skill asked for\.$/, (m, t) => t('because.unfit', { n: m[1], queue: m[2] })],
  [/^kept free for (\w+): (\d+) free, (\d+) kept until (\S+)$/, (m, t) => t('because.keptUntil', { channel: t(`channel.${m[1]}`), free: m[2], kept: m[3], at: clock(m[4] ?? '') })],
  [/^kept free for (\w+): (\d+) free, (\d+) kept$/, (m, t) => t('because.keptNow', { channel: t(`channel.${m[1]}`), free: m[2], kept: m[3] })],
  [/^kept free for (\w+)$/, (m, t) => t('because.keptFor', { channel: t(`channel.${m[1]}`) })],
  [/^(\w+) still fits$/, (m, t) => t('because.stillFits', { channel: t(`channel.${m[1]}`) })],
  [/^leaves others free for (\w+)$/, (m, t) => t('because.othersFree', { channel: t(`channel.${m[1]}`) })],
  [/^takes something more urgent to them$/, (_, t) => t('because.urgent')],
]

function piece(text: string, t: TFunction, exists: (key: string) => boolean): string {
  const state = /^(available|away|busy|offline)(?:: (.+))?$/.exec(text)
  if (state) {
    const why = state[2] && (exists(`reason.${state[2]}`) ? t(`reason.${state[2]}`) : state[2])
    return t(`presence.${state[1]}`) + (why ? ` · ${why}` : '')
  }
  for (const [pattern, words] of phrases) {
    const found = pattern.exec(text)
    if (found) return words([...found], t)
  }
  return text
}

/** Turns the router's reason into the reader's language. */
export function useReason(): (reason: string) => string {
  const { t, i18n } = useTranslation()
  return (reason) => reason.split('; ').map((p) => piece(p, t, (key) => i18n.exists(key))).join(t('because.and'))
}
