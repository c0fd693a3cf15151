/** Times, spans and sizes in the reader's language. */
import i18n from 'i18next'

const lang = () => i18n.language || 'en'
const cache = new Map<string, Intl.DateTimeFormat>()

function dtf(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${lang()}|${name}`
  let f = cache.get(key)
  if (!f) cache.set(key, (f = new Intl.DateTimeFormat(lang(), options)))
  return f
}

const clockOptions: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }

export const clock = (at: string | number) => dtf('clock', clockOptions).format(new Date(at))
export const fullDate = (at: string) => dtf('full', { dateStyle: 'medium', timeStyle: 'short', hourCycle: 'h23' }).format(new Date(at))
/** A day; with its year where that is not this one. */
export const dayName = (at: string) => {
  const d = new Date(at)
  const year = d.getFullYear() === new Date().getFullYear() ? {} : { year: 'numeric' as const }
  return dtf(`day${year.year ?? ''}`, { weekday: 'long', day: 'numeric', month: 'long', ...year }).format(d)
}
/** A day without a time, as it is in the calendar: no zone moves it. */
export const dayOf = (day: string) => dtf('dayOf', { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(new Date(`${day.slice(0, 10)}T12:00:00Z`))
const shortDay = (d: Date) =>
  d.getFullYear() === new Date().getFullYear()
    ? dtf('short', { day: 'numeric', month: 'short' }).format(d)
    : dtf('shortY', { day: 'numeric', month: 'short', year: 'numeric' }).format(d)

export const sameDay = (a: string, b: string) => new Date(a).toDateString() === new Date(b).toDateString()

/** When a meeting is: day and hours, or days. The end of whole days is the day after the last (RFC 5545 §3.6.1). */
export function eventTime(starts: string, ends: string | null, allDay: boolean): string {
  if (!allDay) {
    const from = fullDate(starts)
    if (!ends) return from
    return sameDay(starts, ends) ? `${from} – ${clock(ends)}` : `${from} – ${fullDate(ends)}`
  }
  const day = dtf('date', { dateStyle: 'full', timeZone: 'UTC' })
  const last = ends ? new Date(Date.parse(ends) - 86_400_000) : new Date(starts)
  return last > new Date(starts) ? `${day.format(new Date(starts))} – ${day.format(last)}` : day.format(new Date(starts))
}

/** Today the time, otherwise the day. */
export function when(at: string): string {
  const d = new Date(at)
  return d.toDateString() === new Date().toDateString() ? clock(at) : shortDay(d)
}

/** Today the time, otherwise the day and the time. */
export function stamp(at: string): string {
  const d = new Date(at)
  return d.toDateString() === new Date().toDateString() ? clock(at) : `${shortDay(d)} ${clock(at)}`
}

export function ago(at: string, now = Date.now()): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000)
  const rtf = new Intl.RelativeTimeFormat(lang(), { numeric: 'auto', style: 'long' })
  const steps: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3_600], ['minute', 60]]
  for (const [unit, size] of steps) if (Math.abs(seconds) >= size) return rtf.format(Math.trunc(seconds / size), unit)
  return rtf.format(0, 'minute')
}

/** 8:41 below an hour, then 1 h 12, then 3 d 4 h: short enough for a pill. */
export function span(seconds: number): string {
  const s = Math.floor(Math.abs(seconds))
  if (s < 3600) return `${String(Math.floor(s / 60)).padStart(2, '0')}:${String(s % 60).padStart(2, '0')}`
  const zh = lang().startsWith('zh')
  const [d, h, m] = zh ? ['天', '小时', '分'] : [' d', ' h', ' m']
  if (s < 86_400) return `${Math.floor(s / 3600)}${h} ${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}${zh ? m : ''}`
  return `${Math.floor(s / 86_400)}${d} ${Math.floor((s % 86_400) / 3600)}${h}`
}

export function size(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const
  let i = 0
  let n = bytes
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000
    i++
  }
  return new Intl.NumberFormat(lang(), { style: 'unit', unit: units[i], unitDisplay: i ? 'short' : 'long', maximumFractionDigits: n < 10 && i ? 1 : 0 }).format(n)
}

/** 12 sec, 3 min, 2 hr in the reader's language. */
export const amount = (n: number, unit: 'second' | 'minute' | 'hour') => new Intl.NumberFormat(lang(), { style: 'unit', unit, unitDisplay: 'short' }).format(n)
/** 3 hr 12 min, 45 min, or the last minute. */
export function lasting(seconds: number): string {
  const minutes = Math.max(1, Math.ceil(seconds / 60))
  const hours = Math.floor(minutes / 60)
  const rest = minutes % 60
  return [hours ? amount(hours, 'hour') : '', rest || !hours ? amount(rest, 'minute') : ''].filter(Boolean).join(' ')
}
/** Prices of messages are fractions of a cent. */
export const money = (n: number, currency: string) =>
  new Intl.NumberFormat(lang(), { style: 'currency', currency, minimumFractionDigits: 2, maximumFractionDigits: 4 }).format(n)
export const number = (n: number) => new Intl.NumberFormat(lang()).format(n)
export const percent = (n: number) => new Intl.NumberFormat(lang(), { style: 'percent', maximumFractionDigits: 0 }).format(n / 100)

/** The customer's own wall clock, or nothing when the zone is unknown to this browser. */
export function localTime(zone: string | null): string | null {
  if (!zone) return null
  try {
    return new Intl.DateTimeFormat(lang(), { ...clockOptions, weekday: 'short', timeZone: zone }).format(new Date())
  } catch {
    return null
  }
}

export function languageName(code: string | null): string | null {
  if (!code) return null
  try {
    return new Intl.DisplayNames([lang()], { type: 'language' }).of(code) ?? code
  } catch {
    return code
  }
}
