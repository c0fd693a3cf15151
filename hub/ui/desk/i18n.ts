import i18n from 'i18next'
import { initReactI18next } from 'react-i18next'
import en from '../locales/desk.en.json'
import zh from '../locales/desk.zh-CN.json'
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

void i18n.use(initReactI18next).init({
  lng: guess(),
  fallbackLng: 'en',
  keySeparator: false,
  nsSeparator: false,
  interpolation: { escapeValue: false }, // React escapes
  resources: { en: { translation: en }, 'zh-CN': { translation: zh } },
})
document.documentElement.lang = i18n.language

export function speak(language: string): void {
  if (i18n.language === language) return
  remember('language', language)
  document.documentElement.lang = language
  void i18n.changeLanguage(language)
}
