import { useEffect } from 'react'
import { remembered } from '../state/prefs'
import { useLatest } from './bits'

export type Keys = Record<string, (e: KeyboardEvent) => void>

const FIELDS = 'input, textarea, select, [contenteditable="true"], [role="combobox"], [role="menu"], [role="dialog"]'

// Enter belongs to what has the focus; only on the row of the open conversation it means "go on to the reply".
const PRESSED = 'a:not(.row.sel), button, summary, audio, video, [role="button"]'

let leader = -Infinity

/**
 * Single-letter shortcuts: silent in fields, menus and dialogs, and while the reader has turned them off (WCAG 2.1.4).
 * `g i` means G, then I within a second.
 */
export function useKeys(keys: Keys): void {
  const latest = useLatest(keys)
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing || e.defaultPrevented) return
      if (!remembered('letters', true) || (e.target instanceof Element && e.target.closest(FIELDS))) return
      // A dialog has every key, also in the moment before the focus is in it.
      if (document.querySelector('[role="dialog"][aria-modal="true"]')) return
      if (e.key === 'Enter' && e.target instanceof Element && e.target.closest(PRESSED)) return
      const key = e.key.length === 1 ? e.key.toLowerCase() : e.key
      const lead = e.timeStamp - leader < 1000
      if (key === 'g' && !lead) {
        leader = e.timeStamp
        return
      }
      const run = latest.current[lead ? `g ${key}` : key]
      if (!run) return
      if (lead) leader = -Infinity
      e.preventDefault()
      run(e)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [latest])
}

/** Combinations with Alt work everywhere, fields included: an offer does not wait until the reply is finished. */
export function useAltKeys(keys: Keys): void {
  const latest = useLatest(keys)
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      if (!e.altKey || e.ctrlKey || e.metaKey) return
      // On some layouts Alt changes the character, so the physical key decides.
      const run = latest.current[e.code.replace('Key', '').toLowerCase()]
      if (!run) return
      e.preventDefault()
      run(e)
    }
    addEventListener('keydown', press)
    return () => removeEventListener('keydown', press)
  }, [latest])
}
