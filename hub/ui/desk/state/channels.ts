/** What each channel can do, as the hub says with who is signed in: asked here, so that nothing else compares its name. */
import type { Address, Me } from '../api'

type Facts = Me['channels'][string]
/** A channel that the hub did not tell of carries short texts. */
const UNKNOWN: Facts = {
  form: 'text', address: 'phone', reaches: false, subject: false, html: false, attachments: false, typing: false, read_receipts: false,
  templates: false, segments: false, session: true, window_seconds: null, max_length: null, max_bytes: null,
}
let known: Me['channels'] = {}

/** Remember what the hub says. */
export const learn = (channels: Me['channels']): void => void (known = channels)

export const can = (channel: string | null | undefined): Facts => known[channel ?? ''] ?? UNKNOWN
export const isCall = (channel: string | null | undefined): boolean => can(channel).form === 'call'
export const isMail = (channel: string | null | undefined): boolean => can(channel).form === 'letter'
export const channels = (): string[] => Object.keys(known)

/** The channels on which one may write first. */
export const writable = (): string[] => channels().filter((c) => can(c).reaches)

/** By which channel an address is written to; none for those that only come to us. */
export const channelOf = (kind: Address['kind']): string | undefined => writable().find((c) => can(c).address === kind)
