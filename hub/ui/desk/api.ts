/** What the desk asks of the hub, by one name each. */
import { at, data, hub } from '../api/client'
import type {
  Agent, ContactChange, Conversation as FullConversation, ConversationSummary, InvitationAnswer as AnswerBody, NewAddress,
  NewConversation, NewNote, NewReply, Offer as OfferAsSent, operations, Presence, ProfileChange, TransferConversation,
} from '../api/schema'
import { base } from '../realtime/base'

export { Problem } from '../api/client'
export type {
  Address, Agent, AgentLive, AttachmentRef as Attachment, Because, Board, Contact, ConversationSummary as Summary, ListedConversation as Listed, FilledTemplate, Interaction, Invitation, Load,
  Me, MessageFacts, NewAddress, NewReply as ReplyBody, Notice, OptedOut, Presence, QueueLive, Rating, Ref, ReplyChannel, Said, Sending as Silent, SendState, ServiceLevel,
  Template, TimelineItem, UnsettledSend, Upload, Why,
} from '../api/schema'

export type Theme = Agent['theme']
export type PresenceState = Presence['state']
export type InvitationAnswer = AnswerBody['answer']
export interface Offer extends OfferAsSent {
  /** Set on arrival: this browser's clock minus the server's, so that a wrong clock cannot shorten an offer. */
  skew?: number
}
export interface Conversation extends FullConversation {
  /** By how much this browser's clock is ahead of the server's, in ms. */
  skew?: number
  /** Up to where `interactions` are whole; a summary that came another way raises `seq`, never this. */
  cursor?: number
}
export interface Page<T> { items: T[]; next_cursor: string | null }
export type ListFilter = NonNullable<operations['list_conversations']['parameters']['query']>

const conversation = (id: number) => at({ conversation_id: id })
const contact = (id: number) => at({ contact_id: id })
const interaction = (id: number) => at({ interaction_id: id })

export const api = {
  unsettled: () => data(hub.GET('/api/v1/outbox/unsettled')),
  settle: (ids: number[], arrived: boolean) => data(hub.POST('/api/v1/outbox/settle', { body: { ids, arrived } })),
  settleOne: (id: number, arrived: boolean) => data(hub.POST('/api/v1/outbox/{outbound_id}/settle', { ...at({ outbound_id: id }), body: { arrived } })),
  config: () => data(hub.GET('/api/v1/config')),
  notices: () => data(hub.GET('/api/v1/notices')),
  session: () => data(hub.GET('/api/v1/session')),
  signIn: (email: string, password: string) => data(hub.POST('/api/v1/session', { body: { email, password } })),
  signOut: () => data(hub.DELETE('/api/v1/session')),
  takeLink: (token: string, password: string) => data(hub.POST('/api/v1/session/link', { body: { token, password } })),
  patchMe: (body: ProfileChange) => data(hub.PATCH('/api/v1/me', { body })),
  setPresence: (state: PresenceState, reason?: string) => data(hub.PUT('/api/v1/me/presence', { body: { state, reason: reason ?? null } })),
  offers: () => data(hub.GET('/api/v1/me/offers')),
  accept: (id: number) => data(hub.POST('/api/v1/offers/{offer_id}/accept', at({ offer_id: id }))),
  decline: (id: number) => data(hub.POST('/api/v1/offers/{offer_id}/decline', { ...at({ offer_id: id }), body: {} })),
  conversations: (query: ListFilter) => data(hub.GET('/api/v1/conversations', { params: { query } })),
  counts: () => data(hub.GET('/api/v1/conversations/counts')),
  conversation: (id: number): Promise<Conversation> => data(hub.GET('/api/v1/conversations/{conversation_id}', conversation(id))),
  earlier: (id: number, before: number) =>
    data(hub.GET('/api/v1/conversations/{conversation_id}/interactions', { params: { path: { conversation_id: id }, query: { before_seq: before, limit: 50 } } })),
  reply: (id: number, body: NewReply) => data(hub.POST('/api/v1/conversations/{conversation_id}/replies', { ...conversation(id), body })),
  note: (id: number, body: NewNote) => data(hub.POST('/api/v1/conversations/{conversation_id}/notes', { ...conversation(id), body })),
  takeReplyTo: (id: number) => data(hub.POST('/api/v1/interactions/{interaction_id}/reply-to', interaction(id))),
  fullText: (id: number) => data(hub.GET('/api/v1/interactions/{interaction_id}/text', interaction(id))),
  answerInvitation: (id: number, answer: InvitationAnswer, client_id: string) =>
    data(hub.POST('/api/v1/interactions/{interaction_id}/invitation', { ...interaction(id), body: { answer, client_id } })),
  pull: (id: number) => data(hub.POST('/api/v1/conversations/{conversation_id}/pull', conversation(id))),
  read: (id: number, seq: number) => data(hub.POST('/api/v1/conversations/{conversation_id}/read', { ...conversation(id), body: { seq } })),
  transfer: (id: number, body: TransferConversation): Promise<ConversationSummary> =>
    data(hub.POST('/api/v1/conversations/{conversation_id}/transfer', { ...conversation(id), body })),
  resolve: (id: number, disposition?: string) =>
    data(hub.POST('/api/v1/conversations/{conversation_id}/resolve', { ...conversation(id), body: { disposition } })),
  reopen: (id: number) => data(hub.POST('/api/v1/conversations/{conversation_id}/reopen', conversation(id))),
  snooze: (id: number, until: string) => data(hub.POST('/api/v1/conversations/{conversation_id}/snooze', { ...conversation(id), body: { until } })),
  wrapUp: (id: number, disposition?: string) =>
    data(hub.POST('/api/v1/conversations/{conversation_id}/wrap-up', { ...conversation(id), body: { disposition } })),
  decisions: (id: number) => data(hub.GET('/api/v1/conversations/{conversation_id}/decisions', conversation(id))),
  startConversation: (body: NewConversation) => data(hub.POST('/api/v1/conversations', { body })),
  contacts: (q: string, cursor?: string) => data(hub.GET('/api/v1/contacts', { params: { query: { q, cursor } } })),
  contact: (id: number) => data(hub.GET('/api/v1/contacts/{contact_id}', contact(id))),
  patchContact: (id: number, body: ContactChange) => data(hub.PATCH('/api/v1/contacts/{contact_id}', { ...contact(id), body })),
  timeline: (id: number, channel?: string, cursor?: string) =>
    data(hub.GET('/api/v1/contacts/{contact_id}/timeline', { params: { path: { contact_id: id }, query: { channel, cursor } } })),
  link: (id: number, other: number) => data(hub.POST('/api/v1/contacts/{contact_id}/link', { ...contact(id), body: { contact_id: other } })),
  unlink: (id: number, link: number) => data(hub.DELETE('/api/v1/contacts/{contact_id}/links/{link_id}', at({ contact_id: id, link_id: link }))),
  addAddress: (id: number, kind: NewAddress['kind'], value: string) =>
    data(hub.POST('/api/v1/contacts/{contact_id}/addresses', { ...contact(id), body: { kind, value } })),
  queues: () => data(hub.GET('/api/v1/queues')),
  board: () => data(hub.GET('/api/v1/board')),
  agents: () => data(hub.GET('/api/v1/agents')),
  templates: (channel?: string) => data(hub.GET('/api/v1/templates', { params: { query: { channel } } })),
  render: (id: number, conversation: number) =>
    data(hub.POST('/api/v1/templates/{template_id}/render', { ...at({ template_id: id }), body: { conversation_id: conversation } })),
  dispositions: () => data(hub.GET('/api/v1/dispositions')),
  upload: (file: File) => {
    const form = new FormData()
    form.append('file', file)
    return data(hub.POST('/api/v1/uploads', { body: { file: file.name }, bodySerializer: () => form })) // the description calls bytes a string
  },
}

export const originalUrl = (id: number) => `${base}/api/v1/interactions/${id}/original`
export const pageUrl = (id: number, whole: boolean, images: boolean) =>
  `${base}/api/v1/interactions/${id}/page?whole=${whole}&images=${images}`
export const attachmentUrl = (id: number) => `${base}/api/v1/attachments/${id}`
