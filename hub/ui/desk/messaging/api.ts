/** What the desk asks of messaging: templates, the ledger of consent, and the numbers with their limits. */
import { queryOptions } from '@tanstack/react-query'
import { at, data, hub } from '../../api/client'
import type { ConsentEntry } from '../../api/schema'

export type { ConsentEntry, MessageTemplate, MessagingAccount } from '../../api/schema'
export type ConsentSource = ConsentEntry['source']

export const say = (contact: number, address: number, wanted: boolean, detail: string) =>
  data(hub.PUT('/api/v1/contacts/{contact_id}/addresses/{address_id}/consent', { ...at({ contact_id: contact, address_id: address }), body: { wanted, detail } }))

export const messageTemplates = (account: number) =>
  queryOptions({
    queryKey: ['message-templates', account],
    queryFn: async () => (await data(hub.GET('/api/v1/accounts/{account_id}/message-templates', at({ account_id: account })))).items,
    staleTime: 60_000,
  })
export const consent = (contact: number) =>
  queryOptions({
    queryKey: ['consent', contact],
    queryFn: async () => (await data(hub.GET('/api/v1/contacts/{contact_id}/consent', at({ contact_id: contact })))).items,
  })
export const messagingAccounts = queryOptions({
  queryKey: ['messaging-accounts'],
  queryFn: async () => (await data(hub.GET('/api/v1/messaging/accounts'))).items,
  refetchInterval: 5_000,
})
