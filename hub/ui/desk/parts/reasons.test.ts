import i18next from 'i18next'
import { describe, expect, it } from 'vitest'
import en from '../../locales/desk.en.json'
import zh from '../../locales/desk.zh-CN.json'
import { reason } from './reasons'

async function spoken(lng: string) {
  const own = i18next.createInstance()
  await own.init({ lng, resources: { en: { translation: en }, 'zh-CN': { translation: zh } }, keySeparator: false, interpolation: { escapeValue: false } })
  return (code: string, params?: Record<string, unknown>) => reason({ code, params }, own.t, (key) => own.exists(key))
}

describe('reasons of the router', () => {
  it('are said in the language of the reader', async () => {
    const [english, chinese] = [await spoken('en'), await spoken('zh-CN')]
    expect(english('used', { used: 20, capacity: 100 })).toBe('20 of 100 used before this one')
    expect(english('holds', { held: 1, most: 2, channel: 'email' })).toContain(en['channel.email'])
    expect(chinese('holds', { held: 1, most: 2, channel: 'email' })).toContain(zh['channel.email'])
    expect(english('presence', { state: 'away', reason: 'lunch' })).toMatch(/ · /)
    expect(english('presence', { state: 'away', reason: 'a word of their own' })).toMatch(/ · a word of their own$/)
    expect(english('idle', { seconds: 125 })).toMatch(/2/)
  })
  it('are left as they came where they are not known', async () => {
    const english = await spoken('en')
    expect(english('text', { text: 'as it was' })).toBe('as it was')
    expect(english('hunch')).toBe('hunch')
  })
})
