import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { backoff, HubSocket, judge, type Json } from './hub'

class FakeSocket {
  static all: FakeSocket[] = []
  static OPEN = 1
  readyState = 1
  sent: Json[] = []
  onopen: (() => void) | null = null
  onmessage: ((m: { data: string }) => void) | null = null
  onclose: ((e: { code: number }) => void) | null = null
  constructor(readonly url: string) {
    FakeSocket.all.push(this)
  }
  send(text: string) {
    this.sent.push(JSON.parse(text) as Json)
  }
  close() {
    this.readyState = 3
  }
  say(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
}

const last = () => FakeSocket.all[FakeSocket.all.length - 1]!

function feed() {
  const seen: number[] = []
  const resets: string[] = []
  const hub = new HubSocket('ws://x/ws', {
    hello: (topics) => ({ t: 'hello', topics }),
    event: (_t, _type, _d, seq) => seen.push(seq),
    reset: (topic) => resets.push(topic),
    closed: (code) => code === 4401,
  })
  hub.seed('u:3', 10)
  hub.start()
  last().onopen?.()
  last().say({ t: 'ready', hb: 25, now: '2026-11-23T10:00:00Z' })
  return { hub, seen, resets }
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeSocket.all = []
  vi.stubGlobal('WebSocket', FakeSocket)
  vi.stubGlobal('window', globalThis)
  vi.stubGlobal('document', { addEventListener: () => undefined, removeEventListener: () => undefined, visibilityState: 'visible' })
  vi.stubGlobal('addEventListener', () => undefined)
  vi.stubGlobal('removeEventListener', () => undefined)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('hub.v1', () => {
  it('judges a sequence number by the cursor', () => {
    expect([judge(5, 5), judge(5, 6), judge(5, 8)]).toEqual(['old', 'next', 'gap'])
  })
  it('backs off with full jitter inside its bounds', () => {
    expect(backoff(0, () => 1)).toBe(500)
    expect(backoff(20, () => 1)).toBe(30_000)
    expect(backoff(20, () => 0)).toBe(200)
  })
  it('greets with its cursors and applies each event once, in order', () => {
    const { seen } = feed()
    expect(last().sent[0]).toEqual({ t: 'hello', topics: { 'u:3': 10 } })
    last().say([{ t: 'ev', topic: 'u:3', seq: 10 }, { t: 'ev', topic: 'u:3', seq: 11 }, { t: 'ev', topic: 'u:3', seq: 11 }])
    expect(seen).toEqual([11])
  })
  it('asks once for what a gap hides, then continues', () => {
    const { seen } = feed()
    last().say([{ t: 'ev', topic: 'u:3', seq: 13 }, { t: 'ev', topic: 'u:3', seq: 14 }])
    expect(last().sent.filter((f) => f.t === 'sub')).toEqual([{ t: 'sub', topic: 'u:3', cursor: 10 }])
    last().say([11, 12, 13, 14].map((seq) => ({ t: 'ev', topic: 'u:3', seq })))
    expect(seen).toEqual([11, 12, 13, 14])
  })
  it('reconnects with the cursor it reached, and when a gap stays open', () => {
    const { seen } = feed()
    last().say({ t: 'ev', topic: 'u:3', seq: 11 })
    last().say({ t: 'ev', topic: 'u:3', seq: 20 })
    vi.advanceTimersByTime(45_000)
    expect(FakeSocket.all.length).toBe(2)
    last().onopen?.()
    expect(last().sent[0]).toEqual({ t: 'hello', topics: { 'u:3': 11 } })
    expect(seen).toEqual([11])
  })
  it('takes a reset as its new cursor', () => {
    const { seen, resets } = feed()
    last().say([{ t: 'reset', topic: 'u:3', seq: 40 }, { t: 'ev', topic: 'u:3', seq: 41 }])
    expect([resets, seen]).toEqual([['u:3'], [41]])
  })
  it('pings after 25 quiet seconds and drops the line after 60', () => {
    feed()
    vi.advanceTimersByTime(26_000)
    expect(last().sent.some((f) => f.t === 'ping')).toBe(true)
    vi.advanceTimersByTime(70_000)
    expect(FakeSocket.all.length).toBeGreaterThan(1)
  })
  it('stays away when it is signed out', () => {
    feed()
    last().onclose?.({ code: 4401 })
    vi.advanceTimersByTime(120_000)
    expect(FakeSocket.all.length).toBe(1)
  })
  it('holds frames back until the line is ready', () => {
    const { hub } = feed()
    expect(hub.send({ t: 'ping' })).toBe(true)
    last().onclose?.({ code: 1006 })
    expect(hub.send({ t: 'ping' })).toBe(false)
  })
})
