/** Small choices that belong to this browser, not to the account. */
import { useSyncExternalStore } from 'react'

const PREFIX = 'hub.desk.'
const listeners = new Set<() => void>()

export function remembered<T>(key: string, otherwise: T): T {
  try {
    const raw = localStorage.getItem(PREFIX + key)
    return raw === null ? otherwise : (JSON.parse(raw) as T)
  } catch {
    return otherwise
  }
}

export function remember(key: string, value: unknown): void {
  try {
    if (value === undefined || value === '') localStorage.removeItem(PREFIX + key)
    else localStorage.setItem(PREFIX + key, JSON.stringify(value))
  } catch {
    // A full or forbidden storage costs a preference, nothing else.
  }
  for (const tell of listeners) tell()
}

const subscribe = (tell: () => void) => {
  listeners.add(tell)
  return () => listeners.delete(tell)
}

/** A remembered scalar that every component sees change. */
type Widen<T> = T extends boolean ? boolean : T extends number ? number : T

export function usePref<T extends string | number | boolean>(key: string, otherwise: T): [Widen<T>, (value: Widen<T>) => void] {
  const value = useSyncExternalStore(subscribe, () => remembered<unknown>(key, otherwise)) as Widen<T>
  return [value, (next) => remember(key, next)]
}
