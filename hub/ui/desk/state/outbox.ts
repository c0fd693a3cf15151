/** Replies on their way: shown at once, kept over a reload, repeated with the same client_id so that none is sent twice. */
import { useSyncExternalStore } from 'react'
import { api, Problem, type Interaction, type ReplyBody } from '../api'
import { onOwner, remember, remembered } from './prefs'

export interface Outgoing {
  conversation: number
  kind: 'message' | 'note'
  body: ReplyBody
  /** What the customer will read, where the server writes it. */
  shown?: string
  channel: string | null
  files: { name: string; size: number }[]
  at: string
  state: 'sending' | 'failed'
  error: string
}

type Done = (item: Outgoing, stored: Interaction) => void

const KEY = 'outbox'
const listeners = new Set<() => void>()
let items: Outgoing[] = []
let done: Done = () => undefined

// What was on the wire when the page went away may or may not have arrived: asking again is safe.
onOwner(() => {
  items = remembered<Outgoing[]>(KEY, [], 'sessionStorage').map((o) => ({ ...o, state: 'failed', error: '' }))
  for (const tell of listeners) tell()
})

function set(next: Outgoing[]): void {
  items = next
  remember(KEY, items.length ? items : undefined, 'sessionStorage')
  for (const tell of listeners) tell()
}

export const unsent = (): readonly Outgoing[] => items

const patch = (id: string, change: Partial<Outgoing>) =>
  set(items.map((o) => (o.body.client_id === id ? { ...o, ...change } : o)))

export const onDelivered = (f: Done) => {
  done = f
}

export function useOutbox(conversation: number): Outgoing[] {
  const all = useSyncExternalStore(
    (tell) => {
      listeners.add(tell)
      return () => listeners.delete(tell)
    },
    () => items,
  )
  return all.filter((o) => o.conversation === conversation)
}

export function discard(clientId: string): void {
  set(items.filter((o) => o.body.client_id !== clientId))
}

export async function retry(clientId: string): Promise<void> {
  const item = items.find((o) => o.body.client_id === clientId)
  if (!item) return
  patch(clientId, { state: 'sending', error: '' })
  await deliver(item)
}

export async function sendOut(item: Omit<Outgoing, 'state' | 'error' | 'at'>): Promise<Interaction | null> {
  const full: Outgoing = { ...item, at: new Date().toISOString(), state: 'sending', error: '' }
  set([...items, full])
  return deliver(full)
}

async function deliver(item: Outgoing): Promise<Interaction | null> {
  const { client_id, text } = item.body
  try {
    const stored = await (item.kind === 'note'
      ? api.note(item.conversation, { client_id, text })
      : api.reply(item.conversation, item.body))
    done(item, stored)
    discard(client_id)
    return stored
  } catch (e) {
    patch(client_id, { state: 'failed', error: e instanceof Problem && e.status ? e.message : '' })
    return null
  }
}
