/** What the administrator's pages ask of the hub. */
import { queryOptions } from '@tanstack/react-query'
import { at, data, hub } from '../../api/client'
import type { AdminQueue, Role } from '../../api/schema'
import type { RecordApi } from './kit'
import type { QueueDraft } from './Queues'
import type { RoleDraft } from './Roles'

export const hours = queryOptions({ queryKey: ['admin', 'hours'], queryFn: async () => (await data(hub.GET('/api/v1/admin/hours'))).items, staleTime: 60_000 })
export const permissions = queryOptions({ queryKey: ['permissions'], queryFn: async () => (await data(hub.GET('/api/v1/permissions'))).items, staleTime: Infinity })
export const giveRole = (id: number, role: string, sure: boolean) => data(hub.PUT('/api/v1/agents/{agent_id}/role', { ...at({ agent_id: id }), body: { role, hand_back: sure } }))

const queue = (id: number) => at({ queue_id: id })
export const queueRecords: RecordApi<AdminQueue, QueueDraft> = {
  list: () => data(hub.GET('/api/v1/admin/queues')),
  create: (body) => data(hub.POST('/api/v1/admin/queues', { body })),
  change: (id, version, change) => data(hub.PATCH('/api/v1/admin/queues/{queue_id}', { ...queue(id), body: { version, ...change } })),
  archive: (id, version, archived) => data(hub.POST('/api/v1/admin/queues/{queue_id}/archive', { ...queue(id), body: { version, archived } })),
  adopt: (id, version) => data(hub.POST('/api/v1/admin/queues/{queue_id}/adopt', { ...queue(id), body: { version } })),
  history: (id) => data(hub.GET('/api/v1/admin/queues/{queue_id}/history', queue(id))),
}

const role = (id: number) => at({ role_id: id })
export const roleRecords: RecordApi<Role, RoleDraft> = {
  list: () => data(hub.GET('/api/v1/roles')),
  create: (body) => data(hub.POST('/api/v1/roles', { body })),
  change: (id, version, change, sure) => data(hub.PATCH('/api/v1/roles/{role_id}', { ...role(id), body: { version, ...change, hand_back: sure } })),
  archive: (id, version, archived) => data(hub.POST('/api/v1/roles/{role_id}/archive', { ...role(id), body: { version, archived } })),
  adopt: (id, version) => data(hub.POST('/api/v1/roles/{role_id}/adopt', { ...role(id), body: { version } })),
  history: (id) => data(hub.GET('/api/v1/roles/{role_id}/history', role(id))),
}
