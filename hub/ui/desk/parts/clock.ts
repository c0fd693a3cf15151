/** The present moment, for everything that counts up or down: one timer for each pace, however many look at it. */
import { useCallback, useState, useSyncExternalStore } from 'react'

interface Clock { now: number; timer: ReturnType<typeof setInterval> | undefined; readonly told: Set<() => void> }
const clocks = new Map<number, Clock>()

function at(interval: number): Clock {
  let clock = clocks.get(interval)
  if (!clock) clocks.set(interval, (clock = { now: Date.now(), timer: undefined, told: new Set() }))
  return clock
}

/** Be told at each tick of this pace, until what it answers is called; nothing ticks while nobody listens. */
export function onTick(interval: number, tell: () => void): () => void {
  const clock = at(interval)
  clock.told.add(tell)
  clock.timer ??= setInterval(() => {
    clock.now = Date.now()
    for (const one of [...clock.told]) one()
  }, interval)
  return () => {
    clock.told.delete(tell)
    if (clock.told.size) return
    clearInterval(clock.timer)
    clock.timer = undefined
  }
}

/** The moment of the last tick. */
export const ticked = (interval: number) => at(interval).now

export function useNow(interval = 1000): number {
  const [born] = useState(Date.now) // a clock that rested shows an old moment until its first tick
  const subscribe = useCallback((tell: () => void) => onTick(interval, tell), [interval])
  return Math.max(born, useSyncExternalStore(subscribe, () => ticked(interval)))
}

/** Seconds since a moment of the server's, whose clock the browser's is ahead of by `skew` milliseconds. */
export const secondsSince = (since: string, now: number, skew = 0) => Math.max(0, (now - skew - Date.parse(since)) / 1000)
