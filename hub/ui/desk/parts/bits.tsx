import { Loader } from '@mantine/core'
import { useEffect, useRef, useState, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import type { Address } from '../api'
import { span } from '../format'
import { secondsSince, useNow } from './clock'
import { Icon, type IconName } from './icons'

const channelIcons: Record<string, IconName> = { email: 'mail', chat: 'chat', sms: 'sms', whatsapp: 'whatsapp', voice: 'phone', voicemail: 'phone', missed_call: 'phone' }
const known = (channel: string) => (channel in channelIcons ? channel : 'other')

export function useChannelName(): (channel: string) => string {
  const { t } = useTranslation()
  return (c) => (c in channelIcons ? t(`channel.${c}`) : c)
}

export function ChannelIcon({ channel }: { channel: string }) {
  const name = useChannelName()
  return (
    <span className={`ch ch-${known(channel)}`} role="img" aria-label={name(channel)} title={name(channel)}>
      <Icon name={channelIcons[channel] ?? 'chat'} />
    </span>
  )
}

export function ChannelWord({ channel }: { channel: string }) {
  const name = useChannelName()
  return (
    <span className={`ch ch-${known(channel)}`}>
      <Icon name={channelIcons[channel] ?? 'chat'} small />
      {name(channel)}
    </span>
  )
}

/** What stands in for something that is on its way: a spinner, and words for screen readers. */
export function Loading({ size = 'sm' }: { size?: 'xs' | 'sm' }) {
  const { t } = useTranslation()
  return (
    <div className="center" role="status" data-testid="waiting">
      <Loader size={size} aria-hidden="true" />
      <span className="sr">{t('common.loading')}</span>
    </div>
  )
}

/** Time left before a reply is due: green, amber in the last quarter, red with a minus sign once late. */
export function SlaPill({ due, from, words }: { due: string | null; from: string | null; words?: boolean }) {
  const { t } = useTranslation()
  const now = useNow()
  if (!due) return null
  const left = (Date.parse(due) - now) / 1000
  const whole = from ? (Date.parse(due) - Date.parse(from)) / 1000 : 3600
  const kind = left < 0 ? 'late' : left < Math.max(60, whole / 4) ? 'soon' : 'ok'
  const text = `${left < 0 ? '−' : ''}${span(left)}`
  const label = t(left < 0 ? 'sla.late' : 'sla.left', { span: span(left) })
  return (
    <span className={`pill ${kind}`} title={label}>
      {words ? label : <><span aria-hidden="true">{text}</span><span className="sr">{label}</span></>}
    </span>
  )
}

/** How long a customer has waited, for as long as they do. */
export function Waited({ since, skew }: { since: string; skew: number }) {
  const { t } = useTranslation()
  return <>{t('offer.waited', { span: span(secondsSince(since, useNow(), skew)) })}</>
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <Icon name={icon} />
      <strong>{title}</strong>
      {children && <span>{children}</span>}
    </div>
  )
}

export function initials(name: string): string {
  if (/^\s*[\u3400-\u9fff]/.test(name)) return name.trim().slice(0, 1)
  const words = name.replace(/[^\p{L}\s]/gu, '').trim().split(/\s+/)
  if (!words[0]) return '#'
  return ((words[0][0] ?? '#') + (words.length > 1 ? (words[1]?.[0] ?? '') : '')).toUpperCase()
}

/** What the server calls a caller or writer whose number was not told. */
const WITHHELD = 'Number withheld'

/** What a contact is called: the name, else the first number or address; nobody knows a visitor by their id. */
export function useWho(): (c: { name: string; addresses?: Address[] }) => string {
  const { t } = useTranslation()
  return (c) => (c.name === WITHHELD ? t('contact.withheld') : c.name) || c.addresses?.find((a) => a.kind !== 'visitor')?.value || t('contact.visitor')
}

/** Run `f` with its newest closure, without asking effects to restart for it. */
export function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value)
  ref.current = value
  return ref
}

/** For dialogs that are gone once closed: the focus goes back to where it was. */
export function useReturn(): void {
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      requestAnimationFrame(() => {
        if (before instanceof HTMLElement && before.isConnected && document.activeElement === document.body) before.focus()
      })
    },
    [before],
  )
}
