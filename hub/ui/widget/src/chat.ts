/** The state of one visitor's chat, in signals; the line below it is hub.v1. */
import { computed, signal } from '@preact/signals'
import { base } from '../../realtime/base'
import { HubSocket, type Json } from '../../realtime/hub'
import { freshId } from '../../realtime/ids'
import type { Identity, Opening, ToPage } from './bridge'
import { again, change, next, restore, type Sent, type Waiting, without } from './outbox'
import { locale, w } from './words'

/** `link` is good for an hour; a replay brings another. */
export interface File { id: number; name: string; type: string; size: number; link: string; until: string }
export interface Message {
  id: number; from: 'customer' | 'agent' | 'system'; name: string | null; text: string; files: File[]; at: string; client_id: string | null; status: string
}
/** What files a visitor may send; null: none. `most_bytes` is of one file, `most` how many go with one message. */
interface FileRules { most_bytes: number; most: number }
interface Site { name: string; greeting: string; locale: string; prechat: boolean; open: boolean; max_text: number; files: FileRules | null }
interface Session {
  token: string; visitor: string; site: Site; conversation: { status: string; seq: number } | null
  identity: { state: 'none' | 'claimed' | 'proved' | 'refused'; code?: string; detail?: string }
}
export interface Status { status: 'open' | 'resolved'; position: number | null; agent: { name: string } | null }

const CROWDED = 4030
const JSON_TYPE = { 'Content-Type': 'application/json' }
const SITE = new URLSearchParams(location.search).get('site') ?? ''
export const hooks = `${base}/hooks/chat/${encodeURIComponent(SITE)}`

export const site = signal<Site | null>(null)
export const messages = signal<Message[]>([])
export const waiting = signal<Waiting[]>([])
export const status = signal<Status | null>(null)
export const typing = signal('')
export const line = signal<'connecting' | 'ready' | 'down'>('connecting')
export const rating = signal<'no' | 'ask' | 'done'>('no')
export const shown = signal(false)
export const unread = signal(0)
/** Why nothing goes on just now, in words; empty while all is well. */
export const notice = signal('')
export const identity = signal<Identity | null>(null)
export const started = signal(false)
/** What was typed and not sent, as the page kept it. */
export const draft = signal('')
/** Counts requests to put the cursor into the text field. */
export const focusing = signal(0)
/** The form comes before the first word, never in the middle of a chat. */
export const asking = computed(() => Boolean(site.value?.prechat && !started.value && !messages.value.length && !waiting.value.length && !identity.value?.email))

let port: MessagePort | null = null
let token: string | null = null
let socket: HubSocket | null = null
let typed = 0
let typingTimer = 0
let retries = 0
let rejoin = 0
/** Whose turn it is: what the server answers to an earlier one is nobody's. */
let turn = 0
/** Whether the page says who this is; a form that the visitor filled in says less. */
let byPage = false
/** The place of the last request for a rating, and of the last one that was followed. */
let asked = 0
let rated = 0

const tell = (m: ToPage) => port?.postMessage(m)

function setWaiting(list: Waiting[]): void {
  waiting.value = list
  tell({ t: 'outbox', turn, outbox: list.length ? JSON.stringify(list.map(({ id, text, files, at }) => ({ id, text, files, at }))) : null })
}

export function begin(opening: Opening, to: MessagePort): void {
  port = to
  open(opening)
}

/** Show this person's thread and nothing of anybody else's. `leave`: the one before has signed out here. */
export function open(opening: Opening, leave = false): void {
  const before = token
  socket?.stop()
  socket = null
  clearTimeout(rejoin)
  clearTimeout(typingTimer)
  turn = opening.turn
  token = opening.token
  draft.value = opening.draft ?? ''
  document.documentElement.dir = opening.rtl ? 'rtl' : 'ltr'
  rated = opening.rated
  asked = 0
  retries = 0
  byPage = opening.identity !== null
  identity.value = opening.identity
  started.value = byPage
  messages.value = []
  status.value = null
  typing.value = ''
  rating.value = 'no'
  unread.value = 0
  setWaiting(restore(opening.outbox))
  if (leave && before) void fetch(`${hooks}/session`, { method: 'DELETE', headers: JSON_TYPE, body: JSON.stringify({ token: before }), keepalive: true }).catch(() => undefined)
  void join()
}

/** Open the session, then the line. The server answers with the same visitor for a token it knows. */
async function join(): Promise<void> {
  const mine = turn
  const { token: proof, ...said } = identity.value ?? {}
  let patience = 0
  try {
    const answer = await fetch(`${hooks}/session`, {
      method: 'POST',
      headers: JSON_TYPE,
      body: JSON.stringify({ ...(token ? { token } : {}), ...said, ...(proof ? { proof } : {}), by: byPage ? 'page' : 'form', locale }),
    })
    if (answer.status === 429) {
      notice.value = w('crowded')
      patience = Number(answer.headers.get('Retry-After')) * 1000
    }
    if (!answer.ok) throw new Error(String(answer.status))
    const session = (await answer.json()) as Session
    if (mine !== turn) return
    retries = 0
    token = session.token
    tell({ t: 'token', turn, token })
    if (session.identity.state === 'refused') tell({ t: 'refused', turn, code: session.identity.code ?? '', detail: session.identity.detail ?? '' })
    site.value = session.site
    started.value ||= session.conversation !== null
    connect()
  } catch {
    if (mine !== turn) return
    line.value = 'down'
    const pause = Math.min(30_000, 1000 * 2 ** retries++) * (0.5 + Math.random() / 2)
    rejoin = window.setTimeout(() => void join(), Math.max(pause, patience))
  }
}

function connect(): void {
  socket?.stop()
  const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${hooks}/socket`
  socket = new HubSocket(url, {
    hello: (cursors) => ({ t: 'hello', token, cursor: cursors.chat ?? 0 }),
    event: (_topic, type, data, seq) => take(type, data, seq),
    eph: (_topic, type, data) => type === 'typing' && someoneTypes(data),
    ack: (id, ev, err) => acknowledged(id, ev, err),
    ready: () => {
      // Whatever was on the wire when the line broke goes again, in order, and only now.
      notice.value = ''
      setWaiting(again(waiting.value))
      flush()
    },
    state: (s) => {
      line.value = s === 'ready' ? 'ready' : s === 'connecting' && line.value === 'connecting' ? 'connecting' : 'down'
    },
    reset: () => {
      messages.value = []
      socket?.seed('chat', 0)
      connect()
    },
    closed: (code) => {
      if (code === CROWDED) notice.value = w('crowded')
      if (code !== 4401) return false
      token = null
      void join()
      return true
    },
  })
  socket.seed('chat', 0)
  messages.value = []
  status.value = null
  socket.start()
}

function take(type: string, data: Json, seq: number): void {
  if (type === 'message') {
    const m = { ...(data as unknown as Message), files: (data.files as File[] | undefined) ?? [], at: (data.at as string | null) ?? new Date().toISOString() }
    started.value = true
    if (m.client_id) setWaiting(without(waiting.value, m.client_id))
    const known = messages.value.some((x) => x.id === m.id)
    messages.value = known ? messages.value.map((x) => (x.id === m.id ? { ...x, ...m } : x)) : [...messages.value, m]
    if (m.from === 'customer') flush()
    if (m.from !== 'customer' && !known) arrived(m)
  } else if (type === 'status') {
    status.value = data as unknown as Status
    if (status.value.status === 'open' && rating.value === 'ask') rating.value = 'no'
    tell({ t: 'event', name: 'status', detail: data })
  } else if (type === 'rating.ask') {
    // A replay after a reload asks again; what was rated stays rated.
    asked = seq
    if (status.value?.status !== 'open') rating.value = seq <= rated ? 'done' : 'ask'
  } else if (type === 'rating' || type === 'rating.done') {
    rating.value = 'done'
  }
}

function arrived(m: Message): void {
  typing.value = ''
  // Replayed history is no news: only what is younger than the page counts as unread.
  const fresh = Date.parse(m.at) > read()
  if (!shown.value && fresh) {
    unread.value++
    tell({ t: 'unread', turn, count: unread.value })
  }
  if (fresh) tell({ t: 'event', name: 'message', detail: { from: m.from, text: m.text, at: m.at } })
}

let lastSeen = Date.now()
const read = () => lastSeen

export function setShown(open: boolean): void {
  shown.value = open
  lastSeen = Date.now()
  if (open && unread.value) {
    unread.value = 0
    tell({ t: 'unread', turn, count: 0 })
  }
}

function someoneTypes(data: Json): void {
  const agent = data.agent as { name?: string } | undefined
  typing.value = agent?.name ?? status.value?.agent?.name ?? w('agent')
  clearTimeout(typingTimer)
  typingTimer = window.setTimeout(() => (typing.value = ''), 6_000)
}

function flush(): void {
  const first = next(waiting.value)
  if (!first || !socket?.send({ t: 'cmd', id: first.id, type: 'message', data: { text: first.text, ...(first.files.length ? { files: first.files.map((f) => f.id) } : {}) } })) return
  setWaiting(change(waiting.value, first.id, { sent: true }))
}

function acknowledged(id: string, ev: (Json & { seq?: number }) | undefined, err: { code: number | string; detail: string; retry_after?: number } | undefined): void {
  const seconds = err && Number(err.code) === 429 ? (err.retry_after ?? 2) : err && Number(err.code) >= 500 ? 2 : null
  if (seconds !== null && seconds <= 30) {
    if (Number(err?.code) === 429) notice.value = w('tooFast')
    setTimeout(() => {
      notice.value = ''
      setWaiting(again(waiting.value))
      flush()
    }, seconds * 1000)
    return
  }
  if (seconds !== null) {
    setWaiting(change(waiting.value, id, { error: w('crowded') }))
    return
  }
  if (err) setWaiting(change(waiting.value, id, { error: err.detail || w('failed') }))
  else if (ev && waiting.value.some((x) => x.id === id)) {
    // The event itself follows in its place of the sequence; until then the confirmed copy stays where it is.
    setWaiting(change(waiting.value, id, { sent: true }))
    if (messages.value.some((m) => m.client_id === id)) setWaiting(without(waiting.value, id))
    else confirmed(id, ev)
  }
  flush()
}

function confirmed(id: string, ev: Json & { seq?: number }): void {
  const data = (typeof ev.data === 'object' && ev.data ? ev.data : ev) as Partial<Message>
  const copy = waiting.value.find((x) => x.id === id)
  if (!copy || data.id === undefined) return
  setWaiting(without(waiting.value, id))
  messages.value = [
    ...messages.value,
    { id: data.id, from: 'customer', name: null, text: data.text ?? copy.text, files: data.files ?? [], at: data.at ?? copy.at, client_id: id, status: data.status ?? 'sent' },
  ]
}

export function keepDraft(text: string): void {
  draft.value = text
  tell({ t: 'draft', turn, draft: text || null })
}

export function say(text: string, files: Sent[] = []): void {
  const body = text.trim()
  if (!body && !files.length) return
  setWaiting([...waiting.value, { id: freshId(), text: body, files, at: new Date().toISOString(), sent: false, error: '' }])
  rating.value = 'no'
  started.value = true
  flush()
}

export function retry(id: string): void {
  setWaiting(change(waiting.value, id, { error: '', sent: false }))
  flush()
}

export function isTyping(): void {
  if (Date.now() - typed < 3_000) return
  typed = Date.now()
  socket?.send({ t: 'eph', type: 'typing' })
}

export function rate(score: number, comment: string): void {
  socket?.send({ t: 'cmd', id: freshId(), type: 'rating', data: { score, comment } })
  rating.value = 'done'
  rated = asked
  tell({ t: 'rated', turn, seq: rated })
}

export function end(): void {
  socket?.send({ t: 'cmd', id: freshId(), type: 'end', data: {} })
}

/** A message that the server refused stands in the field again, to be changed. */
export function takeBack(id: string): void {
  const refused = waiting.value.find((x) => x.id === id)
  if (!refused) return
  setWaiting(without(waiting.value, id))
  keepDraft([refused.text, draft.value].filter(Boolean).join('\n\n'))
  focusing.value++
}

/** The whole thread again, with links that are good for another hour. */
export const renew = () => connect()

/** Whose files are sent and read; null before the first session. */
export const bearer = () => token

export function close(): void {
  tell({ t: 'close' })
}

/** More about the visitor of this turn, from the form or from the page; a new session call carries it to the server. */
export function identify(who: Identity, page: boolean): void {
  byPage = page
  identity.value = { ...identity.value, ...who }
  started.value = true
  void join()
}
