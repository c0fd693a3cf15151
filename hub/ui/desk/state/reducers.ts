/** What a realtime event does to what is already on the screen. Pure, so that every rule here is tested without a browser. */
import type { InfiniteData } from '@tanstack/react-query'
import type { Conversation, Interaction, Listed, Offer, Page, Summary } from '../api'

export type ListData = InfiniteData<Page<Listed>, string | undefined>

/** Put an interaction where it belongs: in place of the one with its id or client_id, else in sequence. */
export function withInteraction(c: Conversation, i: Interaction): Conversation {
  // Taken back before it left: never said.
  if (i.status === 'cancelled') return { ...c, interactions: c.interactions.filter((x) => x.id !== i.id) }
  const same = (x: Interaction) => x.id === i.id || (i.client_id !== null && x.client_id === i.client_id)
  const known = c.interactions.some(same)
  const interactions = known
    ? c.interactions.map((x) => (same(x) ? { ...i, seq: x.id === i.id ? x.seq : i.seq } : x))
    : [...c.interactions, i].sort((a, b) => a.seq - b.seq || a.id - b.id)
  return { ...c, interactions }
}

/** The answer to our own request: events that overtook it know more, so what they brought stays. */
export function withAnswer(c: Conversation, i: Interaction): Conversation {
  return c.interactions.some((x) => x.id === i.id) ? c : withInteraction(c, i)
}

/** Older messages go in front; whatever both sides know is kept once. */
export function withEarlier(c: Conversation, items: Interaction[], hasEarlier: boolean): Conversation {
  const known = new Set(c.interactions.map((x) => x.id))
  const older = items.filter((x) => !known.has(x.id))
  return { ...c, interactions: [...older, ...c.interactions].sort((a, b) => a.seq - b.seq || a.id - b.id), has_earlier: hasEarlier }
}

/** A refetched conversation holds the last fifty messages; keep the earlier ones the reader already opened. */
export function keepEarlier(old: Conversation | undefined, fresh: Conversation): Conversation {
  const whole = { ...fresh, cursor: fresh.seq }
  const first = fresh.interactions[0]
  if (!old || !first || !fresh.has_earlier) return whole
  const kept = old.interactions.filter((x) => x.seq < first.seq && x.id > 0)
  return kept.length ? { ...whole, interactions: [...kept, ...fresh.interactions], has_earlier: old.has_earlier } : whole
}

/** An event's summary never takes a conversation back to an older state. */
export function withSummary(c: Conversation, s: Summary): Conversation {
  return s.seq < c.seq ? c : { ...c, ...s }
}

export function matches(s: Summary, view: string, me: number): boolean {
  switch (view) {
    case 'mine':
      return s.status === 'open' && s.agent?.id === me
    case 'waiting':
      return s.status === 'open' && !s.agent && (s.entry_state === 'waiting' || s.entry_state === 'offered')
    case 'snoozed':
      return s.status === 'snoozed'
    case 'resolved':
      return s.status === 'resolved'
    default:
      return view === 'all' || (s.status === 'open' && view === `q-${s.queue?.id ?? ''}`)
  }
}

/** Update a row in place, add it in front when it now belongs to the view, remove it when it no longer does. */
export function withRow(list: ListData | undefined, s: Summary, belongs: boolean): ListData | undefined {
  if (!list) return list
  const known = list.pages.some((p) => p.items.some((x) => x.id === s.id))
  if (!known && !belongs) return list
  if (known && belongs) {
    return withChange(list, s)
  }
  if (known) return mapItems(list, (items) => items.filter((x) => x.id !== s.id))
  const [first, ...rest] = list.pages
  return { ...list, pages: [{ ...(first ?? { next_cursor: null }), items: [s, ...(first?.items ?? [])] }, ...rest] }
}

/** Update a row in place, wherever it stands; a list that does not have it stays as it is. */
export function withChange(list: ListData | undefined, s: Summary): ListData | undefined {
  return list && mapItems(list, (items) => items.map((x) => (x.id === s.id && s.seq >= x.seq ? { ...x, ...s } : x)))
}

export function withoutRow(list: ListData | undefined, id: number): ListData | undefined {
  return list && mapItems(list, (items) => items.filter((x) => x.id !== id))
}

function mapItems(list: ListData, change: (items: Listed[]) => Listed[]): ListData {
  return { ...list, pages: list.pages.map((p) => ({ ...p, items: change(p.items) })) }
}

/** Due work first, the most overdue on top; then the newest. */
export function bySla(a: Summary, b: Summary): number {
  if (a.due_at && b.due_at) return Date.parse(a.due_at) - Date.parse(b.due_at)
  if (a.due_at || b.due_at) return a.due_at ? -1 : 1
  return Date.parse(b.updated_at) - Date.parse(a.updated_at)
}

export function withOffer(offers: Offer[], offer: Offer, now: number): Offer[] {
  const stamped = { ...offer, skew: offer.skew ?? now - Date.parse(offer.server_now) }
  return [...offers.filter((o) => o.id !== offer.id), stamped].sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at))
}

export function withoutOffer(offers: Offer[], id: number): Offer[] {
  return offers.filter((o) => o.id !== id)
}

/** Seconds an offer has left by the server's clock. */
export function secondsLeft(offer: Offer, now: number): number {
  return Math.max(0, (Date.parse(offer.expires_at) - (now - (offer.skew ?? 0))) / 1000)
}
