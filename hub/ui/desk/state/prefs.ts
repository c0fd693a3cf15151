/**
 * What this browser keeps for whoever is signed in: words begun and small choices. Every key is under the agent's id;
 * nobody but its owner reads it, signing out removes it, and another person's sign-in removes what was left behind.
 * A session that only ran out leaves its owner's words for their return.
 */
import { useSyncExternalStore } from 'react'

const PREFIX = 'hub.desk.'
const LANGUAGE = 'language' // of the browser, not of a person: the sign-in page is read in it
const OWNER = `${PREFIX}owner`
const NOBODYS = [PREFIX + LANGUAGE, `${PREFIX}scheme`, OWNER]
const listeners = new Set<() => void>()
const successors = new Set<() => void>()
let owner: number | null = null

type Area = 'localStorage' | 'sessionStorage'
const place = (key: string) => (key === LANGUAGE ? PREFIX + key : owner === null ? null : `${PREFIX}${owner}.${key}`)

/** Remove every key of ours that `keep` does not name, from both storages. */
function sweep(keep: (name: string) => boolean): void {
  for (const area of ['localStorage', 'sessionStorage'] as const) {
    try {
      const store = globalThis[area]
      const names = Array.from({ length: store.length }, (_, i) => store.key(i) ?? '')
      for (const name of names) if (name.startsWith(PREFIX) && !keep(name)) store.removeItem(name)
    } catch {
      // There is no storage, and so nothing in it.
    }
  }
}

/** Whose this page is, before anything of theirs is read. False: it was another's, and nothing may be shown until it has loaded anew. */
export function own(id: number): boolean {
  if (owner === id) return true
  sweep((name) => NOBODYS.includes(name) || name.startsWith(`${PREFIX}${id}.`))
  try {
    localStorage.setItem(OWNER, String(id))
  } catch {
    // The other tabs learn of it from the server.
  }
  if (owner !== null) {
    owner = null
    location.reload()
    return false
  }
  owner = id
  for (const tell of successors) tell()
  return true
}

/** Sign-out: nothing of anybody stays, in this tab or another. */
export function forget(): void {
  owner = null
  sweep((name) => name === PREFIX + LANGUAGE)
  for (const tell of successors) tell()
}

/** Whoever holds something in memory for the owner reads it anew when there is another, or none. */
export const onOwner = (tell: () => void) => void successors.add(tell)

export function remembered<T>(key: string, otherwise: T, area: Area = 'localStorage'): T {
  const name = place(key)
  try {
    const raw = name === null ? null : globalThis[area].getItem(name)
    return raw === null ? otherwise : (JSON.parse(raw) as T)
  } catch {
    return otherwise
  }
}

export function remember(key: string, value: unknown, area: Area = 'localStorage'): void {
  const name = place(key)
  if (name === null) return
  try {
    if (value === undefined || value === '') globalThis[area].removeItem(name)
    else globalThis[area].setItem(name, JSON.stringify(value))
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

// Keys of before they had owners may be anybody's.
sweep((name) => NOBODYS.includes(name) || /^hub\.desk\.\d+\./.test(name))
// The other tabs share the session: who leaves or comes in one does so in all.
globalThis.addEventListener?.('storage', (e: StorageEvent) => {
  if (e.key === OWNER && owner !== null && e.newValue !== String(owner)) location.reload()
})
