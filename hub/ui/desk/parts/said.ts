/** What the hub says by itself, by its code, in the reader's language. Without a code, a text stays as it came. */
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { Said } from '../api'

type Exists = (key: string) => boolean

/** Words of the hub's own, from their code; null when this desk is older than the code. */
export function worded(said: Said, t: TFunction, exists: Exists): string | null {
  const [sort, which] = said.code.split('.')
  if (sort === 'file') return files(which ?? '', said.params, t, exists)
  if (said.code === 'call.on') return t('said.callNow')
  if (sort === 'line') return line(which ?? '', said.params, t, exists)
  if (sort === 'unsaid') return exists(said.code) ? t(said.code, said.params) : null
  return sort === 'call' && exists(`call.${which}`) ? call(which ?? '', said.params, t, exists) : null
}

function files(sort: string, params: Said['params'], t: TFunction, exists: Exists): string | null {
  if (!exists(`said.${sort}Named`)) return null
  const first = params.name ? t(`said.${sort}Named`, { name: params.name }) : t(`said.${sort}`)
  return params.more ? t('said.files', { first, n: Number(params.more) + 1 }) : first
}

/** What the hub wrote by itself (`hub/messages/lines.py`); a customer's own words stand below. */
function line(which: string, params: Said['params'], t: TFunction, exists: Exists): string | null {
  if (!exists(`said.${which}`)) return null
  return t(`said.${which}`, { count: Number(params.minutes), ...params }) + (params.comment ? `\n${String(params.comment)}` : '')
}

function call(way: string, params: Said['params'], t: TFunction, exists: Exists): string {
  const names = Array.isArray(params.agents) ? params.agents.map(String) : []
  const who = names.reduce((before, after) => (before ? t('said.then', { before, after }) : after), '')
  const became = params.outcome && !who && exists(`call.became.${params.outcome}`) ? t(`call.became.${params.outcome}`) : ''
  return [t(`call.${way}`), became, who, params.by_us ? t('said.weHungUp') : ''].filter(Boolean).join(' · ')
}

export function useSaid(): (text: string, said?: Said | null) => string {
  const { t, i18n } = useTranslation()
  return (text, said) => (said && worded(said, t, (key) => i18n.exists(key))) || text
}
