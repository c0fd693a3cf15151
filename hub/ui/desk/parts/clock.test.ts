import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { onTick, secondsSince, ticked } from './clock'

describe('the clock', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.parse('2026-11-30T10:00:00Z') }))
  afterEach(() => void vi.useRealTimers())

  it('is one for all who look at it, and rests when nobody does', () => {
    const heard: string[] = []
    const leave = ['a', 'b', 'c'].map((name) => onTick(1000, () => heard.push(name)))
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(1000)
    expect(heard).toEqual(['a', 'b', 'c'])
    expect(ticked(1000)).toBe(Date.parse('2026-11-30T10:00:01Z'))
    leave.forEach((f) => f())
    expect(vi.getTimerCount()).toBe(0)
  })
  it('counts from a moment of the server, whose clock may be another', () => {
    const since = '2026-11-30T09:59:00Z'
    expect(secondsSince(since, Date.now())).toBe(60)
    expect(secondsSince(since, Date.now() + 5000, 5000)).toBe(60)
    expect(secondsSince('2026-11-30T10:00:02Z', Date.now())).toBe(0)
  })
})
