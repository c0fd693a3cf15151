/** What the server says in set phrases, in the reader's language. What is not known stays as it came. */
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { Said } from '../api'

type Words = (m: string[], t: TFunction) => string

const phrases: [RegExp, Words][] = [
  [/^The customer has opted out of messages before this one left\.$/, (_, t) => t('said.held')],
  [/^Messages to (\S+) are not allowed from this number \(its list of destinations\)\.$/, (m, t) => t('said.place', { address: m[1] })],
  [/^This number has sent all it may today \(([\d,]+) segments\)\./, (m, t) => t('said.spent', { most: m[1] })],
  [/^The file is larger than (\d+) MB\.$/, (m, t) => t('said.large', { size: m[1] })],
  [/^Twilio answers (403|404|410)\.$/, (_, t) => t('said.gone')],
  [/^\(A message that cannot be shown here: (.*)\)$/, (m, t) => t('unsaid.unknown', { kind: m[1] })],
  ...Object.entries({
    empty: 'An empty message', sticker: 'A sticker', contacts: 'A contact', order: 'An order', form: 'Answers to a form', location: 'A place',
    reaction: 'Took a reaction back', call: 'A call on WhatsApp', system: 'A notice of WhatsApp', poll: 'A poll',
    product: 'A question about a product', file: 'A file that did not come along',
  }).map(([key, words]): [RegExp, Words] => [new RegExp(`^\\(${words}\\)$`), (_, t) => t(`unsaid.${key}`)]),
]
const CODED = /^Twilio error (\d+): /

/** Words of the hub's own, from their code; null when this desk is older than the code. */
export function worded(said: Said, t: TFunction, exists: (key: string) => boolean): string | null {
  const [sort, which] = said.code.split('.')
  if (sort === 'file') return files(which ?? '', said.params, t, exists)
  if (said.code === 'call.on') return t('said.callNow')
  if (sort === 'line') return line(which ?? '', said.params, t, exists)
  return sort === 'call' && exists(`call.${which}`) ? call(which ?? '', said.params, t, exists) : null
}

function files(sort: string, params: Said['params'], t: TFunction, exists: (key: string) => boolean): string | null {
  if (!exists(`said.${sort}Named`)) return null
  const first = params.name ? t(`said.${sort}Named`, { name: params.name }) : t(`said.${sort}`)
  return params.more ? t('said.files', { first, n: Number(params.more) + 1 }) : first
}

/** What the hub wrote by itself (`hub/messages/lines.py`); a customer's own words stand below. */
function line(which: string, params: Said['params'], t: TFunction, exists: (key: string) => boolean): string | null {
  if (!exists(`said.${which}`)) return null
  return t(`said.${which}`, params) + (params.comment ? `\n${String(params.comment)}` : '')
}

function call(way: string, params: Said['params'], t: TFunction, exists: (key: string) => boolean): string {
  const names = Array.isArray(params.agents) ? params.agents.map(String) : []
  const who = names.reduce((before, after) => (before ? t('said.then', { before, after }) : after), '')
  const became = params.outcome && !who && exists(`call.became.${params.outcome}`) ? t(`call.became.${params.outcome}`) : ''
  return [t(`call.${way}`), became, who, params.by_us ? t('said.weHungUp') : ''].filter(Boolean).join(' · ')
}

export function useSaid(): (text: string, said?: Said | null) => string {
  const { t, i18n } = useTranslation()
  return (text, said) => {
    const words = said && worded(said, t, (key) => i18n.exists(key))
    if (words) return words
    for (const [pattern, words] of phrases) {
      const found = pattern.exec(text)
      if (found) return words([...found], t)
    }
    const code = CODED.exec(text)?.[1]
    return code && i18n.exists(`trouble.e${code}`) ? t('said.coded', { code, words: t(`trouble.e${code}`) }) : text
  }
}
