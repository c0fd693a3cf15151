/**
 * Links in plain text, for the widget and the desk: web addresses, mail addresses, telephone numbers.
 *
 * What stands there is shown as it stands, and never hidden behind other words. Where a web address really leads (its
 * host in the letters of DNS) is said beside it when that looks different. No link holds a character that turns the
 * direction of writing, so that none can be shown backwards.
 */
import { LinkifyIt } from 'linkify-it'

/** A stretch of the text. With `href` it is a link; `host` is where it leads, when that is not what one reads. */
export interface Part { text: string; href?: string; host?: string }

const LONGEST = 200_000 // characters; a longer text has its words and no links
/** Marks, embeddings, overrides and isolates of bidirectional text (UAX #9). */
const TURNS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const finder = new LinkifyIt().add('ftp:', null).add('//', null)
finder.add('www.', {
  validate: (text, at) => finder.testSchemaAt(`https://www.${text.slice(at, at + 2_000)}`, 'https:', 6) - 6,
  normalize: (match) => (match.url = `https://${match.url}`),
})

/**
 * Numbers that say themselves that they are telephone numbers: with + and a country code, in brackets or with dashes as
 * in North America, or from 0 in groups. Order numbers, dates and amounts are none.
 */
const PHONE = new RegExp(
  [
    String.raw`\+\d(?:[ .\-/\u00a0]?\(?\d{1,5}\)?){1,8}`,
    String.raw`\(\d{2,5}\) ?\d{2,4}(?:[ .-]?\d{2,5}){1,3}`,
    String.raw`\d{3}[.-]\d{3}[.-]\d{4}`,
    String.raw`0\d{1,5}(?:[ /-]\d{2,8}){1,4}`,
  ].join('|'),
  'g',
)
const DATE = /^\d{1,4}[./-]\d{1,2}[./-]\d{1,4}(?!\d)/

/** The text in stretches that together are the text. */
export function linked(text: string): Part[] {
  if (text.length > LONGEST) return [{ text }]
  const parts: Part[] = []
  let at = 0
  for (const match of finder.match(text.replace(TURNS, ' ')) ?? []) {
    const found = match.index < at ? null : target(match.url)
    if (!found) continue
    parts.push(...phones(text.slice(at, match.index)), { text: match.raw, ...found })
    at = match.lastIndex
  }
  return [...parts, ...phones(text.slice(at))]
}

/** Where a link leads, if it may lead there. */
function target(address: string): Omit<Part, 'text'> | null {
  let url: URL
  try {
    url = new URL(address)
  } catch {
    return null
  }
  if (url.protocol === 'mailto:') return { href: url.href, ...shown(url.pathname.split('@').pop() ?? '', address) }
  if ((url.protocol !== 'http:' && url.protocol !== 'https:') || url.username || url.password) return null
  return { href: url.href, ...shown(url.hostname, address) }
}

/** The host in DNS's letters, when the reader saw others. A mail address keeps what was written: `URL` asks DNS's of us. */
function shown(host: string, address: string): { host?: string } {
  let real = host
  try {
    real = new URL(`https://${decodeURIComponent(host)}`).hostname
  } catch {
    return {}
  }
  return address.toLowerCase().includes(real.toLowerCase()) ? {} : { host: real }
}

function phones(text: string): Part[] {
  const parts: Part[] = []
  let at = 0
  for (const match of text.matchAll(PHONE)) {
    const [raw] = match
    const digits = raw.replace(/\D/g, '')
    const around = (text[match.index - 1] ?? '') + (text[match.index + raw.length] ?? '')
    const least = raw.startsWith('+') ? 8 : 9
    if (digits.length < least || digits.length > 15 || /[\p{L}\p{N}]/u.test(around) || DATE.test(raw)) continue
    if (match.index > at) parts.push({ text: text.slice(at, match.index) })
    parts.push({ text: raw, href: `tel:${raw.startsWith('+') ? '+' : ''}${digits}` })
    at = match.index + raw.length
  }
  if (at < text.length) parts.push({ text: text.slice(at) })
  return parts
}
