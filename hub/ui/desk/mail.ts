/** What the desk asks about mail: what to know before writing, taking back, and mailboxes. */
import { queryOptions } from '@tanstack/react-query'
import { at, data, hub } from '../api/client'
import type { MailboxChange, MailboxTrial, MailServerSettings, NewMailbox } from '../api/schema'

export type {
  Composing, DiscoveredServers as Discovered, Draft, Mailbox, MailboxCheck as Check, MailboxSettings, MailServerSettings as Server, ReconciledMailbox as Reconciled,
} from '../api/schema'
export type Tls = NonNullable<MailServerSettings['tls']>

const box = (id: number) => at({ account_id: id })

export const mail = {
  cancel: (conversation: number, interaction: number) =>
    data(hub.POST('/api/v1/conversations/{conversation_id}/interactions/{interaction_id}/cancel', at({ conversation_id: conversation, interaction_id: interaction }))),
  add: (body: NewMailbox) => data(hub.POST('/api/v1/mailboxes', { body })),
  change: (id: number, body: MailboxChange) => data(hub.PATCH('/api/v1/mailboxes/{account_id}', { ...box(id), body })),
  discover: (address: string) => data(hub.POST('/api/v1/mailboxes/discover', { body: { address } })),
  attempt: (body: MailboxTrial) => data(hub.POST('/api/v1/mailboxes/test', { body })),
  test: (id: number) => data(hub.POST('/api/v1/mailboxes/{account_id}/test', box(id))),
  reconcile: (id: number, refetch: boolean) => data(hub.POST('/api/v1/mailboxes/{account_id}/reconcile', { ...box(id), body: { refetch } })),
}

/** Asked again whenever something was said (`seq`). */
export const composing = (conversation: number, seq: number) =>
  queryOptions({
    queryKey: ['composing', conversation, seq],
    queryFn: () => data(hub.GET('/api/v1/conversations/{conversation_id}/composing', at({ conversation_id: conversation }))),
    staleTime: 15_000,
  })
export const mailboxes = queryOptions({
  queryKey: ['mailboxes'],
  queryFn: async () => (await data(hub.GET('/api/v1/mailboxes'))).items,
  refetchInterval: 5_000,
})
