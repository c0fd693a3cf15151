/** The places of an approved text and what stands in them; as the provider fills them in. */

const PLACE = /\{\{\s*(\w+)\s*\}\}/g

/** The names of the places, each once, in the order of the text. */
export const places = (body: string): string[] => [...new Set([...body.matchAll(PLACE)].map((m) => m[1] ?? ''))]

export interface Piece { text: string; place: string | null; filled: boolean }

/** The text in pieces, so that what was filled in can be shown as such; an empty place shows its name. */
export function pieces(body: string, values: Record<string, string>): Piece[] {
  const found: Piece[] = []
  let from = 0
  for (const m of body.matchAll(PLACE)) {
    if (m.index > from) found.push({ text: body.slice(from, m.index), place: null, filled: true })
    const place = m[1] ?? ''
    const value = (values[place] ?? '').trim()
    found.push({ text: value || m[0], place, filled: value !== '' })
    from = m.index + m[0].length
  }
  if (from < body.length) found.push({ text: body.slice(from), place: null, filled: true })
  return found
}

export const filledIn = (body: string, values: Record<string, string>): string => pieces(body, values).map((p) => p.text).join('')
export const whole = (body: string, values: Record<string, string>): boolean => pieces(body, values).every((p) => p.filled)

/** What is sent for the places; nothing for those the text does not have. */
export const given = (body: string, values: Record<string, string>): Record<string, string> =>
  Object.fromEntries(places(body).map((p) => [p, (values[p] ?? '').trim()]))
