/** Telephony's part of the REST contract. */
import { queryOptions } from '@tanstack/react-query'
import { base } from '../../realtime/base'
import { type Ref, rest } from '../api'

export type LegState = 'dialling' | 'ringing' | 'answered' | 'talking' | 'held' | 'ended'
export interface Leg {
  id: number; role: 'customer' | 'agent' | 'third' | 'supervisor'; mode: string; consult: boolean; endpoint: string | null
  agent: Ref | null; state: LegState; muted: boolean; offered: boolean; end_reason: string | null; ring_seconds: number | null
}
export interface Recording { id: number; kind: 'call' | 'voicemail'; state: 'remote' | 'stored' | 'lost'; seconds: number; transcript: string | null }
export interface Call {
  id: number; conversation_id: number; direction: 'in' | 'out'; kind: 'call' | 'callback'; number: string; our_number: string
  state: 'menu' | 'queued' | 'connecting' | 'talking' | 'voicemail' | 'ended'; outcome: string | null; disposition: string | null
  recording: 'off' | 'on' | 'paused'; started_at: string; queued_at: string | null; answered_at: string | null; ended_at: string | null
  menu_seconds: number | null; wait_seconds: number | null; talk_seconds: number | null; hold_seconds: number | null; wrap_seconds: number | null
  server_now: string; queue: Ref | null; agent: Ref | null; contact: Ref; legs: Leg[]; recordings: Recording[]
}
export interface PhoneSetting {
  kind: 'browser' | 'phone' | null; number: string | null; ready: boolean; simulated: boolean; coach: boolean
  numbers: { account_id: number; name: string; number: string }[]
}
export interface Target { queue_id?: number; agent_id?: number; number?: string }
export interface Callback { id: number; number: string; due_at: string; state: string; attempts: number; note: string }

const post = (path: string, body: unknown = {}) => rest.post<Call>(path, body)

export const phoneApi = {
  device: () => rest.get<PhoneSetting>('/me/device'),
  putDevice: (body: { kind: 'browser' | 'phone'; number?: string; ready?: boolean }) => rest.put<PhoneSetting>('/me/device', body),
  token: () => rest.post<{ identity: string; token: string; seconds: number; simulated: boolean }>('/me/device/token'),
  press: (button: 'answer' | 'refuse' | 'hangup') => rest.post<void>('/me/device/press', { do: button }),
  mine: () => rest.get<{ items: Call[] }>('/me/calls'),
  live: () => rest.get<{ items: Call[] }>('/calls'),
  of: (conversation: number) => rest.get<{ items: Call[] }>(`/conversations/${conversation}/calls`),
  dial: (body: { number: string; account_id?: number; conversation_id?: number }) => post('/calls', body),
  hold: (id: number, on: boolean) => post(`/calls/${id}/hold`, { on }),
  mute: (id: number, on: boolean) => post(`/calls/${id}/mute`, { on }),
  keys: (id: number, keys: string) => post(`/calls/${id}/keys`, { keys }),
  hangUp: (id: number) => post(`/calls/${id}/hang-up`),
  recording: (id: number, on: boolean) => post(`/calls/${id}/recording`, { on }),
  transfer: (id: number, to: Target) => post(`/calls/${id}/transfer`, to),
  consult: (id: number, to: Target) => post(`/calls/${id}/consult`, to),
  finishConsult: (id: number, how: 'complete' | 'merge' | 'cancel') => post(`/calls/${id}/consult/finish`, { how }),
  monitor: (id: number, mode: 'listen' | 'whisper' | 'barge') => post(`/calls/${id}/monitor`, { mode }),
  wrapUp: (id: number, disposition: string | undefined) => post(`/calls/${id}/wrap-up`, disposition ? { disposition } : {}),
  callbacks: (conversation: number) => rest.get<{ items: Callback[] }>(`/conversations/${conversation}/callbacks`),
  planCallback: (conversation: number, due_at: string, mine: boolean) =>
    rest.post<{ id: number }>(`/conversations/${conversation}/callbacks`, { due_at, mine }),
}

export const soundUrl = (id: number) => `${base}/api/v1/recordings/${id}/sound`
export const myCalls = queryOptions({ queryKey: ['calls', 'mine'], queryFn: async () => (await phoneApi.mine()).items })
export const liveCalls = queryOptions({ queryKey: ['calls', 'live'], queryFn: async () => (await phoneApi.live()).items })
export const callsOf = (id: number) => queryOptions({ queryKey: ['calls', 'of', id], queryFn: async () => (await phoneApi.of(id)).items })
export const device = queryOptions({ queryKey: ['device'], queryFn: phoneApi.device, staleTime: 60_000 })
