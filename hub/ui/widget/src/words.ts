/** The widget speaks the visitor's browser language: Chinese or English. */
import en from './en.json'

export type Word = keyof typeof en
let words: Record<string, string> = en
export let locale = 'en'

export async function learn(): Promise<void> {
  if (!(navigator.language || '').toLowerCase().startsWith('zh')) return
  words = (await import('./zh-CN.json')).default
  locale = 'zh-CN'
  document.documentElement.lang = locale
}

export function w(key: Word, values: Record<string, string | number> = {}): string {
  return ((values.n === 1 && words[`${key}One`]) || (words[key] ?? en[key])).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ''))
}
