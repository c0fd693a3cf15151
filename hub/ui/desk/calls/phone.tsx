/** This browser as the agent's telephone: the provider's SDK where there is sound, a button where there is none. */
import { useMay } from '../shell/me'
import type { Call as SdkCall, Device } from '@twilio/voice-sdk'
import { useQuery } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useRef, useState, type ReactNode } from 'react'
import { complain } from '../parts/ask'
import { device as deviceQuery, phoneApi } from './api'

const HERE = 20_000
/** Who pressed Answer before the ringing reached this browser meant it for so long. */
const EARLY = 8_000
type State = 'none' | 'phone' | 'starting' | 'ready' | 'error'

export interface Phone {
  state: State
  answer(): Promise<void>
  refuse(): Promise<void>
  mute(on: boolean): void
}

const idle: Phone = { state: 'none', answer: async () => undefined, refuse: async () => undefined, mute: () => undefined }
const PhoneContext = createContext<Phone>(idle)
export const usePhone = () => useContext(PhoneContext)

/** Say "I am here" again and again; who stops saying so is not rung. */
function useHere(ready: boolean) {
  useEffect(() => {
    if (!ready) return
    const say = () => void phoneApi.putDevice({ kind: 'browser', ready: true }).catch(() => undefined)
    say()
    const timer = setInterval(say, HERE)
    return () => clearInterval(timer)
  }, [ready])
}

export function PhoneProvider({ children }: { children: ReactNode }) {
  const phones = useMay()('call.make')
  const setting = useQuery({ ...deviceQuery, enabled: phones }).data
  const sdk = useRef<Device | null>(null)
  const ringing = useRef<SdkCall | null>(null)
  const wanted = useRef(0)
  const [state, setState] = useState<State>('none')
  const numbers = setting?.numbers.length ?? 0
  const kind = setting?.kind ?? 'browser'
  const simulated = setting?.simulated ?? false

  useEffect(() => {
    if (!numbers) return setState('none')
    if (kind === 'phone') return setState('phone')
    if (simulated) return setState('ready')
    setState('starting')
    const stop = start(sdk, ringing, wanted, setState)
    return () => stop()
  }, [numbers, kind, simulated])
  useHere(state === 'ready')

  const phone = useMemo<Phone>(
    () => ({
      state,
      answer: async () => {
        if (simulated) await phoneApi.press('answer')
        else if (ringing.current) ringing.current.accept()
        else wanted.current = Date.now() + EARLY
      },
      refuse: async () => {
        if (simulated) await phoneApi.press('refuse').catch(() => undefined)
        else ringing.current?.reject()
      },
      mute: (on) => sdk.current?.calls.forEach((c) => c.mute(on)),
    }),
    [state, simulated],
  )
  return <PhoneContext.Provider value={phone}>{children}</PhoneContext.Provider>
}

/** Register the provider's device; its token is renewed by our own clock, since it warns of its end only once. */
function start(sdk: { current: Device | null }, ringing: { current: SdkCall | null }, wanted: { current: number }, tell: (s: State) => void): () => void {
  let over = false
  let timer = 0
  const renew = async () => {
    const { token, seconds } = await phoneApi.token()
    timer = window.setTimeout(() => void renew().catch(() => tell('error')), seconds * 700)
    sdk.current?.updateToken(token)
    return token
  }
  const begin = async () => {
    const [{ Device: Telephone }, token] = await Promise.all([import('@twilio/voice-sdk'), renew()])
    if (over) return
    const made = new Telephone(token, { closeProtection: true, logLevel: 'error' })
    sdk.current = made
    made.on('registered', () => tell('ready'))
    made.on('unregistered', () => tell('starting'))
    made.on('error', () => tell('error'))
    made.on('incoming', (call: SdkCall) => {
      ringing.current = call
      if (Date.now() < wanted.current) call.accept()
      wanted.current = 0
      for (const end of ['cancel', 'disconnect', 'reject']) call.on(end, () => ringing.current === call && (ringing.current = null))
    })
    await made.register()
  }
  begin().catch((e: unknown) => {
    tell('error')
    complain(e)
  })
  return () => {
    over = true
    clearTimeout(timer)
    sdk.current?.destroy()
    sdk.current = null
  }
}
