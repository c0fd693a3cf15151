/** Messaging's part of the REST contract: templates, the ledger of consent, and the numbers with their limits. */
import { queryOptions } from '@tanstack/react-query'
import { type Ref, rest, type Silent } from '../api'

export interface MessageTemplate {
  id: string; name: string; locale: string
  /** With places like `{{1}}`; `variables` are examples for them. */
  body: string; variables: Record<string, string>
}
export type ConsentSource = 'provider' | 'word' | 'refused' | 'complaint' | 'link' | 'agent'
export interface ConsentEntry {
  at: string; address_id: number; address: string; channel: string; wanted: boolean; source: ConsentSource; detail: string
  account: string | null; agent: Ref | null
}
export interface MessagingAccount {
  account_id: number; name: string; channel: string; connector: string; address: string | null
  segments_today: number; daily_segments: number | null; spent_today: number | null; daily_spend: number | null; currency: string
  messages_per_second: number | null; destinations: string[]; waiting: number; unsettled: number; sending: Silent | null
  last_reconciled: { day: string; at: string; provider_count: number; stored_count: number; missing: number } | null
}

export const say = (contact: number, address: number, wanted: boolean, detail: string) =>
  rest.put<void>(`/contacts/${contact}/addresses/${address}/consent`, { wanted, detail })

export const messageTemplates = (account: number) =>
  queryOptions({
    queryKey: ['message-templates', account],
    queryFn: async () => (await rest.get<{ items: MessageTemplate[] }>(`/accounts/${account}/message-templates`)).items,
    staleTime: 60_000,
  })
export const consent = (contact: number) =>
  queryOptions({
    queryKey: ['consent', contact],
    queryFn: async () => (await rest.get<{ items: ConsentEntry[] }>(`/contacts/${contact}/consent`)).items,
  })
export const messagingAccounts = queryOptions({
  queryKey: ['messaging-accounts'],
  queryFn: async () => (await rest.get<{ items: MessagingAccount[] }>('/messaging/accounts')).items,
  refetchInterval: 5_000,
})
