import i18n from 'i18next'
import { initReactI18next } from 'react-i18next'
import en from '../locales/desk.en.json'
import { remember, remembered } from './state/prefs'

export const LANGUAGES = [
  { value: 'en', label: 'English' },
  { value: 'zh-CN', label: '简体中文' },
] as const

function guess(): string {
  const stored = remembered('language', '')
  if (stored) return stored
  return navigator.languages.some((l) => l.toLowerCase().startsWith('zh')) && navigator.language.startsWith('zh') ? 'zh-CN' : 'en'
}

/** Every language but English, which stands in for what another lacks, comes when it is spoken first. */
const others: Record<string, () => Promise<{ default: Record<string, string> }>> = {
  'zh-CN': () => import('../locales/desk.zh-CN.json'),
}

const loaded = new Set<string>()
let wanted = 'en' // whoever chooses twice while the first is still coming gets the second

async function change(language: string): Promise<void> {
  wanted = language
  const load = others[language]
  if (load && !loaded.has(language)) {
    i18n.addResourceBundle(language, 'translation', (await load()).default)
    loaded.add(language)
  }
  if (wanted !== language) return
  document.documentElement.lang = language
  await i18n.changeLanguage(language)
}

/** The desk can be shown: in its language, or in English where that cannot be had now. */
export const ready: Promise<void> = i18n
  .use(initReactI18next)
  .init({
    lng: 'en',
    fallbackLng: 'en',
    keySeparator: false,
    nsSeparator: false,
    interpolation: { escapeValue: false }, // React escapes
    resources: { en: { translation: en } },
  })
  .then(() => change(guess()))
  .catch(stay)

/** It could not be fetched: the old language stays, and the next choice tries again. */
function stay(): void {
  wanted = i18n.language
}

export function speak(language: string): void {
  if (wanted === language) return
  remember('language', language)
  void change(language).catch(stay)
}
