/** Every read the desk makes, by one name each, so that events and pages mean the same cache entry. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query'
import { api, type Conversation, type ListFilter, type Me, Problem } from '../api'
import { keepEarlier, withOffer } from '../state/reducers'
import type { Offer } from '../api'
import { heardOf } from '../state/live'

export const session = queryOptions({
  queryKey: ['session'],
  queryFn: async (): Promise<Me | null> => {
    try {
      return await api.session()
    } catch (e) {
      if (e instanceof Problem && e.status === 401) return null
      throw e
    }
  },
  staleTime: 60_000,
})
/** Rarely anything: asked each minute, so that nobody who works all day misses it. */
export const notices = queryOptions({ queryKey: ['notices'], queryFn: async () => (await api.notices()).items, refetchInterval: 60_000, staleTime: 30_000 })
/** For supervisors: sends whose outcome nobody knows. */
export const unsettled = queryOptions({ queryKey: ['unsettled'], queryFn: async () => (await api.unsettled()).items, refetchInterval: 30_000, staleTime: 5_000 })
export const config = queryOptions({ queryKey: ['config'], queryFn: api.config, staleTime: Infinity })
/** Where work can be handed to; the answer differs before and after signing in, so it is not the page's first `config`. */
export const places = queryOptions({ queryKey: ['places'], queryFn: api.config, staleTime: 60_000 })
export const offers = queryOptions({
  queryKey: ['offers'],
  queryFn: async () => (await api.offers()).items.reduce<Offer[]>((all, o) => withOffer(all, o, Date.now()), []),
})
export const counts = queryOptions({ queryKey: ['counts'], queryFn: api.counts })
export const queues = queryOptions({ queryKey: ['queues'], queryFn: async () => (await api.queues()).items, staleTime: 30_000 })
export const agents = queryOptions({ queryKey: ['agents'], queryFn: async () => (await api.agents()).items })
export const templates = queryOptions({ queryKey: ['templates'], queryFn: async () => (await api.templates()).items, staleTime: 60_000 })
export const dispositions = queryOptions({ queryKey: ['dispositions'], queryFn: async () => (await api.dispositions()).items, staleTime: 300_000 })
export const board = queryOptions({ queryKey: ['board'], queryFn: api.board })

export interface ListKey { view: string; channel?: string; q?: string; status?: string; agent?: number; language?: string; since?: string; until?: string }

/** A day on the reader's calendar, or the one after it, as the moment it begins. */
const dawn = (day: string, after = 0) => {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  return new Date(year, month - 1, date + after).toISOString()
}

export const list = (key: ListKey) =>
  infiniteQueryOptions({
    queryKey: ['list', key] as const,
    queryFn: ({ pageParam }) => {
      const queue = /^q-(\d+)$/.exec(key.view)
      const filter: ListFilter = { view: queue ? 'all' : (key.view as ListFilter['view']), channel: key.channel, q: key.q, cursor: pageParam, limit: 50 }
      if (queue) filter.queue_id = Number(queue[1])
      if (key.q) {
        if (key.status) filter.status = key.status as ListFilter['status']
        if (key.agent) filter.agent_id = key.agent
        if (key.language) filter.language = key.language
        if (key.since) filter.since = dawn(key.since)
        if (key.until) filter.until = dawn(key.until, 1)
      }
      return api.conversations(filter)
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })

export const conversation = (id: number) =>
  queryOptions({
    queryKey: ['conversation', id],
    queryFn: async ({ client }): Promise<Conversation> => {
      let fresh = await api.conversation(id)
      // An event that overtook this answer is on the screen already; an older state must not take it back.
      for (let again = 0; again < 3 && fresh.seq < heardOf(fresh.topic); again++) fresh = await api.conversation(id)
      fresh.skew = Date.now() - Date.parse(fresh.server_now)
      return keepEarlier(client.getQueryData<Conversation>(['conversation', id]), fresh)
    },
  })
export const contact = (id: number) => queryOptions({ queryKey: ['contact', id], queryFn: () => api.contact(id) })
export const timeline = (id: number, channel?: string) =>
  infiniteQueryOptions({
    queryKey: ['timeline', id, channel ?? ''] as const,
    queryFn: ({ pageParam }) => api.timeline(id, channel, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })
export const people = (q: string) =>
  infiniteQueryOptions({
    queryKey: ['contacts', q] as const,
    queryFn: ({ pageParam }) => api.contacts(q, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
  })
