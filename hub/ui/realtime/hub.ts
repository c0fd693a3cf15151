/**
 * hub.v1, the resumable feed. One cursor per topic; an event is applied once and in order or not at all.
 * The desk and the chat widget share this file, so it depends on nothing but the browser.
 */
export type Json = Record<string, unknown>

export interface Frame {
  t: 'ready' | 'ev' | 'reset' | 'snap' | 'eph' | 'err' | 'pong' | 'ack'
  topic?: string
  seq?: number
  type?: string
  data?: Json
  hb?: number
  now?: string
  id?: string
  ev?: Json & { seq?: number }
  err?: { code: number | string; detail: string }
  code?: number
  detail?: string
}

export type LinkState = 'connecting' | 'ready' | 'waiting' | 'closed'

export interface Handlers {
  /** The first frame of every connection; it carries the cursors as they are now. */
  hello(cursors: Record<string, number>): Json
  event(topic: string, type: string, data: Json, seq: number): void
  snap?(topic: string, data: Json): void
  eph?(topic: string, type: string, data: Json): void
  /** The server no longer holds what lies behind our cursor: fetch the whole state, live events continue from `seq`. */
  reset(topic: string, seq: number): void
  ready?(serverNow: string | undefined): void
  ack?(id: string, ev: Json | undefined, err: Frame['err']): void
  error?(topic: string, code: number, detail: string): void
  state?(state: LinkState): void
  /** Return true when this close code means that reconnecting is pointless (signed out, forbidden). */
  closed?(code: number): boolean
}

/** What a topic's cursor says about an arriving sequence number. */
export function judge(cursor: number, seq: number): 'old' | 'next' | 'gap' {
  if (seq <= cursor) return 'old'
  return seq === cursor + 1 ? 'next' : 'gap'
}

/** Full jitter: anything between nothing and the doubled ceiling, so that a restart does not bring everybody back at once. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(30_000, 500 * 2 ** Math.min(attempt, 10))
  return Math.max(200, Math.round(random() * ceiling))
}

const PING = 25_000
const SILENCE = 60_000
const GAP_PATIENCE = 5_000

export class HubSocket {
  private ws: WebSocket | null = null
  private readonly cursors = new Map<string, number>()
  private readonly gaps = new Map<string, number>()
  private attempt = 0
  private heard = 0
  private timer = 0
  private pulse = 0
  private stopped = true
  private isReady = false

  constructor(
    private readonly url: string,
    private readonly on: Handlers,
  ) {}

  get ready(): boolean {
    return this.isReady
  }

  start(): void {
    if (!this.stopped) return
    this.stopped = false
    addEventListener('online', this.wake)
    addEventListener('pageshow', this.wake)
    document.addEventListener('visibilitychange', this.wake)
    this.connect()
  }

  stop(): void {
    this.stopped = true
    removeEventListener('online', this.wake)
    removeEventListener('pageshow', this.wake)
    document.removeEventListener('visibilitychange', this.wake)
    this.drop()
    this.on.state?.('closed')
  }

  sub(topic: string, cursor = 0): void {
    this.cursors.set(topic, cursor)
    this.gaps.delete(topic)
    this.send({ t: 'sub', topic, cursor })
  }

  unsub(topic: string): void {
    this.cursors.delete(topic)
    this.gaps.delete(topic)
    this.send({ t: 'unsub', topic })
  }

  cursor(topic: string): number | undefined {
    return this.cursors.get(topic)
  }

  /** Remember a cursor without asking for the topic: the next hello carries it. */
  seed(topic: string, cursor: number): void {
    this.cursors.set(topic, cursor)
  }

  /** Frames are only worth sending on a ready connection; hello carries the rest. */
  send(frame: Json): boolean {
    if (!this.isReady || this.ws?.readyState !== WebSocket.OPEN) return false
    this.ws.send(JSON.stringify(frame))
    return true
  }

  private readonly wake = (): void => {
    if (this.stopped || document.visibilityState === 'hidden') return
    if (this.ws === null) {
      this.attempt = 0
      this.connect()
    } else if (this.isReady && Date.now() - this.heard > PING) {
      this.send({ t: 'ping' })
    }
  }

  private connect(): void {
    clearTimeout(this.timer)
    if (this.stopped || this.ws) return
    this.on.state?.('connecting')
    const ws = new WebSocket(this.url)
    this.ws = ws
    this.heard = Date.now()
    ws.onopen = () => ws.send(JSON.stringify(this.on.hello(Object.fromEntries(this.cursors))))
    ws.onmessage = (m) => {
      if (this.ws === ws) this.receive(String(m.data))
    }
    ws.onclose = (e) => {
      if (this.ws === ws) this.lost(e.code)
    }
    clearInterval(this.pulse)
    this.pulse = window.setInterval(() => this.beat(), 5_000)
  }

  private beat(): void {
    const silent = Date.now() - this.heard
    const stuck = [...this.gaps.values()].some((since) => Date.now() - since > GAP_PATIENCE)
    if (silent > SILENCE || stuck) this.lost(4000)
    else if (silent > PING - 2_500) this.send({ t: 'ping' })
  }

  private drop(): void {
    clearTimeout(this.timer)
    clearInterval(this.pulse)
    const ws = this.ws
    this.ws = null
    this.isReady = false
    this.gaps.clear()
    if (ws) {
      ws.onopen = ws.onmessage = ws.onclose = null
      ws.close()
    }
  }

  private lost(code: number): void {
    this.drop()
    if (this.stopped) return
    if (this.on.closed?.(code)) {
      this.stop()
      return
    }
    this.on.state?.('waiting')
    this.timer = window.setTimeout(() => this.connect(), backoff(this.attempt++))
  }

  private receive(text: string): void {
    this.heard = Date.now()
    const parsed = JSON.parse(text) as Frame | Frame[]
    for (const frame of Array.isArray(parsed) ? parsed : [parsed]) this.take(frame)
  }

  private take(f: Frame): void {
    const topic = f.topic ?? 'chat'
    switch (f.t) {
      case 'ready':
        this.isReady = true
        this.attempt = 0
        this.on.ready?.(f.now)
        this.on.state?.('ready')
        break
      case 'ev':
        this.event(topic, f.seq ?? 0, f.type ?? '', f.data ?? {})
        break
      case 'reset':
        this.cursors.set(topic, f.seq ?? 0)
        this.gaps.delete(topic)
        this.on.reset(topic, f.seq ?? 0)
        break
      case 'snap':
        this.on.snap?.(topic, f.data ?? {})
        break
      case 'eph':
        this.on.eph?.(topic, f.type ?? '', f.data ?? {})
        break
      case 'ack':
        this.on.ack?.(f.id ?? '', f.ev, f.err)
        break
      case 'err':
        if (f.topic) this.cursors.delete(f.topic)
        this.on.error?.(topic, f.code ?? 0, f.detail ?? '')
        break
      case 'pong':
        break
    }
  }

  private event(topic: string, seq: number, type: string, data: Json): void {
    const cursor = this.cursors.get(topic)
    if (cursor === undefined) return
    const verdict = judge(cursor, seq)
    if (verdict === 'next') {
      this.cursors.set(topic, seq)
      this.gaps.delete(topic)
      this.on.event(topic, type, data, seq)
    } else if (verdict === 'gap' && !this.gaps.has(topic)) {
      this.gaps.set(topic, Date.now())
      this.send({ t: 'sub', topic, cursor })
    }
  }
}
