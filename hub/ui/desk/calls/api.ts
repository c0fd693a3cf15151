/** What the desk asks of telephony. */
import { queryOptions } from '@tanstack/react-query'
import { at, data, hub } from '../../api/client'
import type { CallTarget, DevicePress, FinishConsult, MonitorCall, NewCall, NewDevice } from '../../api/schema'
import { base } from '../../realtime/base'

export type { Callback, CallTarget as Target, CallView as Call, Leg, Recording } from '../../api/schema'

const call = (id: number) => at({ call_id: id })
const conversation = (id: number) => at({ conversation_id: id })

export const phoneApi = {
  device: () => data(hub.GET('/api/v1/me/device')),
  putDevice: (body: NewDevice) => data(hub.PUT('/api/v1/me/device', { body })),
  token: () => data(hub.POST('/api/v1/me/device/token')),
  press: (button: DevicePress['do']) => data(hub.POST('/api/v1/me/device/press', { body: { do: button } })),
  mine: () => data(hub.GET('/api/v1/me/calls')),
  live: () => data(hub.GET('/api/v1/calls')),
  of: (id: number) => data(hub.GET('/api/v1/conversations/{conversation_id}/calls', conversation(id))),
  dial: (body: NewCall) => data(hub.POST('/api/v1/calls', { body })),
  hold: (id: number, on: boolean) => data(hub.POST('/api/v1/calls/{call_id}/hold', { ...call(id), body: { on } })),
  mute: (id: number, on: boolean) => data(hub.POST('/api/v1/calls/{call_id}/mute', { ...call(id), body: { on } })),
  keys: (id: number, keys: string) => data(hub.POST('/api/v1/calls/{call_id}/keys', { ...call(id), body: { keys } })),
  hangUp: (id: number) => data(hub.POST('/api/v1/calls/{call_id}/hang-up', call(id))),
  recording: (id: number, on: boolean) => data(hub.POST('/api/v1/calls/{call_id}/recording', { ...call(id), body: { on } })),
  transfer: (id: number, body: CallTarget) => data(hub.POST('/api/v1/calls/{call_id}/transfer', { ...call(id), body })),
  consult: (id: number, body: CallTarget) => data(hub.POST('/api/v1/calls/{call_id}/consult', { ...call(id), body })),
  finishConsult: (id: number, how: FinishConsult['how']) => data(hub.POST('/api/v1/calls/{call_id}/consult/finish', { ...call(id), body: { how } })),
  monitor: (id: number, mode: MonitorCall['mode']) => data(hub.POST('/api/v1/calls/{call_id}/monitor', { ...call(id), body: { mode } })),
  wrapUp: (id: number, disposition: string | undefined) => data(hub.POST('/api/v1/calls/{call_id}/wrap-up', { ...call(id), body: { disposition } })),
  callbacks: (id: number) => data(hub.GET('/api/v1/conversations/{conversation_id}/callbacks', conversation(id))),
  planCallback: (id: number, due_at: string, mine: boolean) =>
    data(hub.POST('/api/v1/conversations/{conversation_id}/callbacks', { ...conversation(id), body: { due_at, mine } })),
}

export const soundUrl = (id: number) => `${base}/api/v1/recordings/${id}/sound`
export const myCalls = queryOptions({ queryKey: ['calls', 'mine'], queryFn: async () => (await phoneApi.mine()).items })
export const liveCalls = queryOptions({ queryKey: ['calls', 'live'], queryFn: async () => (await phoneApi.live()).items })
export const callsOf = (id: number) => queryOptions({ queryKey: ['calls', 'of', id], queryFn: async () => (await phoneApi.of(id)).items })
export const device = queryOptions({ queryKey: ['device'], queryFn: phoneApi.device, staleTime: 60_000 })
