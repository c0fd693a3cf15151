/** Where a page keeps what belongs to one visitor. Each identity has a place of its own: nobody opens another's thread. */
import type { Identity } from './bridge'

/** Whom a site's token names, read without believing it: the server does the checking. */
export function subjectOf(token: string): string {
  try {
    const part = (token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')
    return String((JSON.parse(atob(part)) as { sub?: unknown }).sub ?? '')
  } catch {
    return ''
  }
}

/** A short name for an identity: the same for the same person, whatever token proves it today. '' is nobody. */
export function slotOf(who: Identity | null): string {
  if (!who) return ''
  const said = who.token ? `t:${subjectOf(who.token) || who.token}` : who.email ? `e:${who.email}` : who.name ? `n:${who.name}` : ''
  if (!said) return ''
  let hash = 0 // a name for a place, no secret: the server decides whose thread it is
  for (const char of said.normalize('NFKC').replace(/: +| +$/g, ':').toLowerCase()) hash = (Math.imul(hash, 31) + char.codePointAt(0)!) | 0
  return `${hash >>> 0}.`
}
