/** How many SMS a text costs, by the server's rule (`hub/channels/segments.py`; `segments.json` holds both to it). */

const BASIC = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
const EXTENDED = new Set('^{}\\[~]|€\f') // two units each: an escape and the character

export interface Segments {
  /** Messages on the bill; an empty text is still one. */
  count: number
  encoding: 'GSM-7' | 'UCS-2'
  /** Septets, or UTF-16 code units. */
  units: number
  /** What fits into as many messages. */
  room: number
}

export function segments(text: string): Segments {
  const letters = [...text]
  return letters.every((c) => BASIC.has(c) || EXTENDED.has(c))
    ? cut('GSM-7', letters.map((c) => (EXTENDED.has(c) ? 2 : 1)), 160, 153)
    : cut('UCS-2', letters.map((c) => c.length), 70, 67)
}

/** A character that takes two units never spans two messages. */
function cut(encoding: Segments['encoding'], widths: number[], alone: number, joined: number): Segments {
  const units = widths.reduce((sum, w) => sum + w, 0)
  if (units <= alone) return { count: 1, encoding, units, room: alone }
  let count = 1
  let room = joined
  for (const w of widths) {
    if (w > room) {
      count++
      room = joined
    }
    room -= w
  }
  return { count, encoding, units, room: count * joined }
}

/** The different characters that make a text Unicode, in their order; those that cannot be seen by their number. */
export function culprits(text: string): string[] {
  const found = new Set([...text].filter((c) => !BASIC.has(c) && !EXTENDED.has(c)))
  return [...found].map((c) =>
    /[\p{C}\p{Z}\p{M}]/u.test(c) ? `U+${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}` : c,
  )
}

const PLAIN: Record<string, string> = {
  '“': '"', '”': '"', '„': '"', '«': '"', '»': '"', '‘': "'", '’': "'", '‚': "'", '`': "'", '´': "'", '–': '-', '—': '-', '−': '-', '‑': '-',
  '…': '...', '•': '-', '·': '-', '\u00a0': ' ', '\u202f': ' ', '\u2009': ' ', '\t': ' ', '\u200b': '', '\ufeff': '',
}

/** The text with plain signs for typographic ones, if that is all it takes to be no Unicode. */
export function plainer(text: string): string | null {
  const plain = [...text].map((c) => PLAIN[c] ?? c).join('')
  return plain !== text && segments(plain).encoding === 'GSM-7' ? plain : null
}

/** As the server counts them: code points. */
export const characters = (text: string): number => [...text].length
