import { describe, expect, it } from 'vitest'
import type { Conversation, Interaction, Offer, Summary } from '../api'
import { bySla, keepEarlier, type ListData, matches, secondsLeft, withAnswer, withEarlier, withInteraction, withChange, withOffer, withRow, withSummary } from './reducers'

const message = (id: number, extra: Partial<Interaction> = {}): Interaction => ({
  id, conversation_id: 5, seq: id, kind: 'message', direction: 'in', channel: 'chat', agent: null, contact: null, address: null,
  subject: '', text: `m${id}`, html: null, status: 'received', error: null, at: '2026-11-23T10:00:00Z', client_id: null,
  verified: true, automatic: false, mail: null, message: null, attachments: [], delivery: null, unseen: null, said: null, ...extra,
})
const summary = (id: number, extra: Partial<Summary> = {}): Summary => ({
  id, subject: 's', preview: 'p', said: null, status: 'open', channel: 'chat', queue: { id: 1, name: 'Billing' }, agent: { id: 3, name: 'Ann' },
  contact: { id: 9, name: 'Mei' }, seq: 10, unread: false, waiting_since: null, due_at: null, updated_at: '2026-11-23T10:00:00Z',
  created_at: '2026-11-23T09:00:00Z', entry_state: 'assigned', snoozed_until: null, failed: false, rating: null, ...extra,
})
const conversation = (...interactions: Interaction[]): Conversation => ({
  ...summary(5), interactions, has_earlier: true, reply_channels: [], opted_out: [], disposition: null, wrap_up_until: null, topic: 'c:5', server_now: '2026-11-23T10:00:00Z',
})
const list = (...items: Summary[]): ListData => ({ pages: [{ items, next_cursor: null }], pageParams: [undefined] })
const ids = (l?: ListData) => l?.pages.flatMap((p) => p.items.map((x) => x.id))

describe('interactions', () => {
  it('adds in sequence and never twice', () => {
    let c = conversation(message(1), message(4))
    c = withInteraction(c, message(2))
    c = withInteraction(c, message(2, { text: 'edited' }))
    expect(c.interactions.map((x) => x.text)).toEqual(['m1', 'edited', 'm4'])
  })
  it('replaces its own optimistic copy by client_id', () => {
    const c = withInteraction(conversation(message(1), message(-1, { client_id: 'u', seq: 99 })), message(7, { client_id: 'u' }))
    expect(c.interactions.map((x) => x.id)).toEqual([1, 7])
  })
  it('remembers up to where it is whole, whatever a summary says', () => {
    const c = keepEarlier(undefined, conversation(message(1)))
    expect(withSummary(c, summary(5, { seq: 14 }))).toMatchObject({ seq: 14, cursor: 10 })
  })
  it('believes the event when it overtakes the answer', () => {
    const c = withInteraction(conversation(message(1)), message(2, { client_id: 'u', status: 'sent' }))
    expect(withAnswer(c, message(2, { client_id: 'u', status: 'pending' })).interactions[1]?.status).toBe('sent')
    expect(withAnswer(conversation(message(1)), message(2)).interactions).toHaveLength(2)
  })
  it('keeps its place when a delivery report raises the sequence', () => {
    const c = withInteraction(conversation(message(1), message(2)), message(1, { seq: 12, status: 'delivered' }))
    expect(c.interactions.map((x) => [x.id, x.status])).toEqual([[1, 'delivered'], [2, 'received']])
  })
  it('puts earlier pages in front and keeps them over a refetch', () => {
    const opened = withEarlier(conversation(message(10)), [message(8), message(10)], false)
    expect(opened.interactions.map((x) => x.id)).toEqual([8, 10])
    const fresh = keepEarlier(opened, conversation(message(9), message(10), message(11)))
    expect(fresh.interactions.map((x) => x.id)).toEqual([8, 9, 10, 11])
    expect(fresh.has_earlier).toBe(false)
  })
})

describe('lists', () => {
  it('never goes back to an older summary', () => {
    expect(withSummary({ ...conversation(), seq: 20 }, summary(5, { subject: 'old' })).subject).toBe('s')
  })
  it('updates, adds and removes rows by what the view shows', () => {
    const l = list(summary(1), summary(2))
    expect(ids(withRow(l, summary(3), true))).toEqual([3, 1, 2])
    expect(ids(withRow(l, summary(2, { status: 'resolved' }), false))).toEqual([1])
    expect(withRow(l, summary(9), false)).toBe(l)
  })
  it('keeps what was found by its words where it was, whatever becomes of it', () => {
    const l = list(summary(1), summary(2))
    const after = withChange(l, summary(2, { status: 'resolved', seq: 11 }))
    expect(ids(after)).toEqual([1, 2])
    expect(after?.pages[0]?.items[1]?.status).toBe('resolved')
    expect(ids(withChange(l, summary(9)))).toEqual([1, 2])
  })
  it('knows its views', () => {
    expect(matches(summary(1), 'mine', 3)).toBe(true)
    expect(matches(summary(1), 'mine', 4)).toBe(false)
    expect(matches(summary(1, { entry_state: 'offered', agent: null }), 'waiting', 4)).toBe(true)
    expect(matches(summary(1), 'waiting', 4)).toBe(false)
    expect(matches(summary(1), 'q-1', 4)).toBe(true)
    expect(matches(summary(1, { status: 'resolved' }), 'q-1', 4)).toBe(false)
  })
  it('sorts the most overdue first', () => {
    const late = summary(1, { due_at: '2026-11-23T09:00:00Z' })
    const soon = summary(2, { due_at: '2026-11-23T11:00:00Z' })
    expect([summary(3), soon, late].sort(bySla).map((x) => x.id)).toEqual([1, 2, 3])
  })
})

describe('offers', () => {
  const offer = { id: 1, expires_at: '2026-11-23T10:00:20Z', server_now: '2026-11-23T10:00:00Z' } as Offer
  it('counts by the server’s clock even when ours is five minutes fast', () => {
    const now = Date.parse('2026-11-23T10:05:00Z')
    const [o] = withOffer([], offer, now)
    expect(secondsLeft(o!, now)).toBe(20)
    expect(secondsLeft(o!, now + 30_000)).toBe(0)
  })
  it('shows the one that ends first in front, and none twice', () => {
    const later = { ...offer, id: 2, expires_at: '2026-11-23T10:00:40Z' }
    expect(withOffer(withOffer(withOffer([], later, 0), offer, 0), later, 0).map((o) => o.id)).toEqual([1, 2])
  })
})
