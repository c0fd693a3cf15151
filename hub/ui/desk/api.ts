/** The REST contract, typed, and the one place that talks to it. */
import { base } from '../realtime/base'

/** What everybody should know of the installation: by its code, with English words for a desk that is older than it. */
export interface Notice { code: string; params: Record<string, unknown>; text: string }
export interface Ref { id: number; name: string }
export type Channel = 'email' | 'chat' | 'sms' | 'whatsapp' | 'voice'
export type Theme = 'auto' | 'light' | 'dark'
export type PresenceState = 'available' | 'away' | 'busy' | 'offline'
export interface Agent extends Ref { email: string; role: 'agent' | 'supervisor' | 'admin'; locale: 'en' | 'zh-CN'; theme: Theme }
export interface Presence { state: PresenceState; reason: string | null; since: string }
export interface Load { used: number; capacity: number; by_channel: Record<string, { count: number; max: number }> }
export interface Me { agent: Agent; presence: Presence; load: Load; queues: Ref[]; topic: string; seq: number }
export interface Offer {
  id: number; state: 'offered' | 'accepted' | 'declined' | 'timed_out' | 'rescinded'; conversation_id: number; channel: string
  queue: Ref; contact: Ref; subject: string; preview: string; waited_seconds: number; offered_at: string; expires_at: string
  server_now: string; reason: string
  /** Set on arrival: this browser's clock minus the server's, so that a wrong clock cannot shorten an offer. */
  skew?: number
}
export interface Summary {
  id: number; subject: string; preview: string; status: 'open' | 'snoozed' | 'resolved'; channel: string
  queue: Ref | null; agent: Ref | null; contact: Ref; seq: number; unread: boolean; waiting_since: string | null
  due_at: string | null; updated_at: string; created_at: string
  entry_state: 'waiting' | 'offered' | 'assigned' | 'wrapping' | null; snoozed_until: string | null; failed: boolean
  rating: Rating | null
}
/** What the customer said of our help, from 1 to 5; `agent` is who had answered last. */
export interface Rating { score: number; comment: string; agent: Ref | null; at: string }
export interface Attachment { id: number; name: string; content_type: string; size: number; inline: boolean }
export type DeliveryStatus = 'received' | 'pending' | 'sent' | 'delivered' | 'read' | 'failed' | 'unknown' | 'cancelled'
export interface Interaction {
  id: number; conversation_id: number; seq: number; kind: 'message' | 'note' | 'system'; direction: 'in' | 'out' | 'internal'
  channel: string | null; agent: Ref | null; contact: Ref | null; address: string | null; subject: string | null; text: string
  html: string | null; status: DeliveryStatus; error: string | null; at: string; client_id: string | null
  verified: boolean; automatic: boolean; mail: Mail | null; message: MessageFacts | null; attachments: Attachment[]
  delivery: SendState | null
  /** The reader of a chat message had left: it waits for their return, was seen then, or went to an address by mail. */
  unseen: { state: 'left' | 'back' | 'mailed'; to: string | null } | null
}
/** Why a message of ours has not left, and when it is tried next; `error` says `code` in an English sentence. */
export interface Unsent { code: string | null; params: Record<string, unknown>; error: string | null; next_try_at: string | null }
export interface SendState extends Unsent { id: number; state: string; attempts: number; account_since: string | null }
/** Since when an account of ours can send nothing, and how many messages wait for that. */
export interface Silent extends Unsent { since: string; failed_at: string; waiting: number }
export interface UnsettledSend extends Unsent {
  id: number; conversation_id: number; created_at: string; wire_at: string | null; channel: string; account: string; contact: Ref
  recipient: string; preview: string
}
/** What an SMS or a WhatsApp message is beside its words. `files` it names; those not here and not in `lost` are on their way. */
export interface MessageFacts {
  files: number; lost: string[]; quoted: { id: number; conversation_id: number; text: string } | null
  location: { latitude: string | number; longitude: string | number; label?: string; address?: string } | null
  button: string | null; forwarded: boolean; advert: { headline?: string; url?: string; body?: string } | null
  template: string | null; consent: 'stop' | 'start' | 'help' | 'perhaps' | null; form: boolean
}
export type InvitationAnswer = 'accepted' | 'tentative' | 'declined'
export interface Person { address: string; name?: string; status?: string }
export interface Invitation {
  method: string; uid: string; summary?: string; location?: string; description?: string; starts?: string; ends?: string; all_day: boolean
  recurs?: string; status?: string; organizer?: Person; attendees?: Person[]; answer?: InvitationAnswer
}
/** What a mail is beside its words; `trimmed`: there is more than `text` and `html` show. */
export interface Mail {
  trimmed: boolean; blocked_images: number; unreadable: string | null
  reply_to: string | null; reply_to_followed: boolean; claims: number | null; forwarded_by: string | null
  automatic: string | null; invitation: Invitation | null
}
export interface ReplyChannel {
  channel: string; address_id: number; address: string; account_id: number; account: string; connector: string
  /** Free text may be sent until then; null: always; in the past: only templates. */
  window_ends: string | null
  /** Of one SMS segment to that number. */
  price: number | null; currency: string | null
  max_length: number | null; templates: boolean
}
/** Where the customer wants no messages; never among the reply channels. */
export interface OptedOut { channel: string; address: string; address_id: number }
export interface Conversation extends Summary {
  interactions: Interaction[]; has_earlier: boolean; reply_channels: ReplyChannel[]; opted_out: OptedOut[]
  disposition: string | null
  wrap_up_until: string | null; topic: string; server_now: string
  /** By how much this browser's clock is ahead of the server's, in ms. */
  skew?: number
  /** Up to where `interactions` are whole; a summary that came another way raises `seq`, never this. */
  cursor?: number
}
export interface Address { id: number; kind: 'email' | 'phone' | 'whatsapp' | 'visitor'; value: string; verified: boolean; opted_out: boolean }
export interface Contact extends Ref {
  locale: string | null; timezone: string | null; attributes: Record<string, unknown>; addresses: Address[]
  linked: { id: number; name: string; link_id: number; linked_at: string; linked_by: Ref | null }[]
  open_conversations: number; created_at: string
  /** E-mail addresses given in the chat that nobody proved. */
  said: string[]
}
export interface TimelineItem extends Interaction { conversation_subject: string; conversation_rating: Rating | null }
export interface ServiceLevel { target_seconds: number | null; percent: number | null; answered_in_target: number; offered: number; variant: string }
export interface QueueLive {
  id: number; key: string; name: string; waiting: number; longest_wait_seconds: number | null; oldest_entered_at: string | null
  offered: number; assigned: number; service_level: ServiceLevel; abandoned: number; answered: number
  average_speed_of_answer: number | null; agents_available: number; agents_total: number
}
export interface AgentLive {
  id: number; name: string; state: PresenceState; reason: string | null; since: string; load: Load; conversations: number; wrapping: number
}
export interface Board {
  at: string; waiting: number; longest_wait_seconds: number | null; service_level: ServiceLevel; answered: number; abandoned: number
  agents: { available: number; busy: number; away: number; offline: number; wrap_up: number }
  queues: QueueLive[]; agent_list: AgentLive[]; series: { at: string; arrived: number; answered: number }[]
}
export interface Template { id: number; key: string; name: string; channel: string | null; account_id: number | null; locale: string; subject: string | null; body: string }
export interface Decision {
  at: string; key: number | string | null; chosen: Ref | null; offer_state: string | null; reason: string
  candidates: { agent: Ref; chosen: boolean; level: number | null; load: number; idle_seconds: number; reason: string }[]
}
export interface Page<T> { items: T[]; next_cursor: string | null }
export interface Counts { mine: number; waiting: number; snoozed: number; resolved_today: number; queues: Record<string, number> }
export interface Upload { id: number; name: string; size: number; content_type: string }
export interface Config { product: string; version?: string; demo: boolean; locales: string[]; accounts?: { id: number; channel: string; name: string }[]; queues?: Ref[] }
/** An approved text with its places filled in. */
export interface FilledTemplate { id: string; variables: Record<string, string> }
export interface ReplyBody {
  client_id: string; text: string; template?: FilledTemplate; subject?: string; channel?: string; address_id?: number; account_id?: number
  resolve?: boolean; attachments?: number[]; cc?: string[]; bcc?: string[]; undo_seconds?: number; send_at?: string
}
export interface ListFilter { view: string; queue_id?: number; channel?: string; q?: string; cursor?: string; limit?: number }

/** A problem+json answer, or the network's silence (status 0). */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly remedy = '',
    readonly errors: { field: string; message: string }[] = [],
  ) {
    super(detail || title)
  }
}

type Query = Record<string, string | number | undefined>

function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') params.set(k, String(v))
  const tail = params.toString()
  return `${base}/api/v1${path}${tail ? `?${tail}` : ''}`
}

async function problem(response: Response): Promise<Problem> {
  try {
    const p = (await response.json()) as Partial<Problem>
    return new Problem(response.status, p.title ?? response.statusText, p.detail ?? '', p.remedy, p.errors)
  } catch {
    return new Problem(response.status, response.statusText, '')
  }
}

export async function call<T>(method: string, path: string, body?: unknown, query?: Query): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (method !== 'GET') headers['X-Hub-Request'] = '1'
  const form = body instanceof FormData
  if (body !== undefined && !form) headers['Content-Type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(address(path, query), {
      method,
      headers,
      body: body === undefined ? undefined : form ? body : JSON.stringify(body),
      credentials: 'same-origin',
      signal: AbortSignal.timeout(form ? 120_000 : 20_000),
    })
  } catch {
    throw new Problem(0, 'offline', '')
  }
  if (!response.ok) throw await problem(response)
  return (response.status === 204 ? undefined : await response.json()) as T
}

const get = <T,>(path: string, query?: Query) => call<T>('GET', path, undefined, query)
const post = <T,>(path: string, body: unknown = {}) => call<T>('POST', path, body)

export const api = {
  unsettled: () => get<{ items: UnsettledSend[] }>('/outbox/unsettled'),
  settle: (ids: number[], arrived: boolean) => post<{ settled: number[]; passed: number[] }>('/outbox/settle', { ids, arrived }),
  settleOne: (id: number, arrived: boolean) => post<void>(`/outbox/${id}/settle`, { arrived }),
  config: () => get<Config>('/config'),
  notices: () => get<{ items: Notice[] }>('/notices'),
  session: () => get<Me>('/session'),
  signIn: (email: string, password: string) => post<Me>('/session', { email, password }),
  signOut: () => call<void>('DELETE', '/session'),
  takeLink: (token: string, password: string) => post<Me>('/session/link', { token, password }),
  patchMe: (body: { locale?: string; theme?: Theme }) => call<Me>('PATCH', '/me', body),
  setPresence: (state: PresenceState, reason?: string) => call<Me>('PUT', '/me/presence', { state, reason: reason ?? null }),
  offers: () => get<{ items: Offer[] }>('/me/offers'),
  accept: (id: number) => post<{ conversation_id: number }>(`/offers/${id}/accept`),
  decline: (id: number) => post<void>(`/offers/${id}/decline`),
  conversations: (filter: ListFilter) => get<Page<Summary>>('/conversations', { ...filter }),
  counts: () => get<Counts>('/conversations/counts'),
  conversation: (id: number) => get<Conversation>(`/conversations/${id}`),
  earlier: (id: number, before: number) =>
    get<{ items: Interaction[]; has_earlier: boolean }>(`/conversations/${id}/interactions`, { before_seq: before, limit: 50 }),
  reply: (id: number, body: ReplyBody) => post<Interaction>(`/conversations/${id}/replies`, body),
  note: (id: number, body: { client_id: string; text: string }) => post<Interaction>(`/conversations/${id}/notes`, body),
  takeReplyTo: (id: number) => post<Interaction>(`/interactions/${id}/reply-to`, {}),
  fullText: (id: number) => get<{ text: string }>(`/interactions/${id}/text`),
  answerInvitation: (id: number, answer: InvitationAnswer, client_id: string) =>
    post<Interaction>(`/interactions/${id}/invitation`, { answer, client_id }),
  pull: (id: number) => post<Conversation>(`/conversations/${id}/pull`),
  read: (id: number, seq: number) => post<void>(`/conversations/${id}/read`, { seq }),
  transfer: (id: number, body: { queue_id?: number; agent_id?: number; note?: string }) =>
    post<Summary>(`/conversations/${id}/transfer`, body),
  resolve: (id: number, disposition?: string) => post<Conversation>(`/conversations/${id}/resolve`, disposition ? { disposition } : {}),
  reopen: (id: number) => post<Conversation>(`/conversations/${id}/reopen`),
  snooze: (id: number, until: string) => post<Conversation>(`/conversations/${id}/snooze`, { until }),
  wrapUp: (id: number, disposition?: string) => post<Conversation>(`/conversations/${id}/wrap-up`, disposition ? { disposition } : {}),
  decisions: (id: number) => get<{ items: Decision[]; waiting_reason: string | null }>(`/conversations/${id}/decisions`),
  startConversation: (body: {
    contact_id?: number; address?: { kind: string; value: string }; channel: string; account_id?: number
    subject?: string; text: string; client_id: string; template?: FilledTemplate
  }) => post<Conversation>('/conversations', body),
  contacts: (q: string, cursor?: string) => get<Page<Contact>>('/contacts', { q, cursor }),
  contact: (id: number) => get<Contact>(`/contacts/${id}`),
  patchContact: (id: number, body: Partial<Pick<Contact, 'name' | 'locale' | 'timezone' | 'attributes'>>) =>
    call<Contact>('PATCH', `/contacts/${id}`, body),
  timeline: (id: number, channel?: string, cursor?: string) =>
    get<Page<TimelineItem>>(`/contacts/${id}/timeline`, { channel, cursor }),
  link: (id: number, other: number) => post<Contact>(`/contacts/${id}/link`, { contact_id: other }),
  unlink: (id: number, link: number) => call<Contact>('DELETE', `/contacts/${id}/links/${link}`),
  addAddress: (id: number, kind: string, value: string) => post<Contact>(`/contacts/${id}/addresses`, { kind, value }),
  queues: () => get<{ items: QueueLive[] }>('/queues'),
  board: () => get<Board>('/board'),
  agents: () => get<{ items: { id: number; name: string; state: PresenceState; queues: number[] }[] }>('/agents'),
  templates: (channel?: string) => get<{ items: Template[] }>('/templates', { channel }),
  render: (id: number, conversation: number) =>
    post<{ subject: string | null; body: string }>(`/templates/${id}/render`, { conversation_id: conversation }),
  dispositions: () => get<{ items: { key: string; name: string }[] }>('/dispositions'),
  upload: (file: File) => {
    const form = new FormData()
    form.append('file', file)
    return call<Upload>('POST', '/uploads', form)
  },
}

/** For the parts of the contract that live beside their pages. */
export const rest = { get, post, put: <T,>(path: string, body: unknown) => call<T>('PUT', path, body) }

export const originalUrl = (id: number) => `${base}/api/v1/interactions/${id}/original`
export const pageUrl = (id: number, whole: boolean, images: boolean) =>
  `${base}/api/v1/interactions/${id}/page?whole=${whole}&images=${images}`
export const attachmentUrl = (id: number) => `${base}/api/v1/attachments/${id}`
