import i18next from 'i18next'
import { describe, expect, it } from 'vitest'
import en from '../../locales/desk.en.json'
import zh from '../../locales/desk.zh-CN.json'
import { worded } from './said'

async function spoken(lng: string) {
  const own = i18next.createInstance()
  await own.init({ lng, resources: { en: { translation: en }, 'zh-CN': { translation: zh } }, keySeparator: false, interpolation: { escapeValue: false } })
  return (code: string, params: Record<string, unknown> = {}) => worded({ code, params }, own.t, (key) => own.exists(key))
}

describe('words of the hub', () => {
  it('are said in the language of the reader', async () => {
    const [english, chinese] = [await spoken('en'), await spoken('zh-CN')]
    expect(english('file.photo', { name: 'x.jpg', more: 0 })).toBe('Photo: x.jpg')
    expect(chinese('file.photo', { name: 'x.jpg', more: 2 })).toBe('照片：x.jpg（共 3 个文件）')
    expect(english('file.audio', { name: '', more: 0 })).toBe('Audio')
    expect(chinese('call.in', { outcome: 'abandoned', agents: [], by_us: false })).toBe('来电 · 等待时挂断')
    expect(chinese('call.out', { outcome: 'answered', agents: ['李娜', 'Amy'], by_us: true })).toBe('去电 · 李娜，随后 Amy · 客服挂断')
    expect(english('call.callback')).toBe('Callback')
    expect(english('call.on')).toBe('On the phone')
    expect(english('line.rated', { score: 2, comment: 'Too slow' })).toBe('The customer rated our help 2 of 5 and is not content.\nToo slow')
    expect(chinese('line.replyTo', { address: 'ana@shop.example' })).toContain('ana@shop.example')
    expect(english('line.rumour')).toBeNull()
  })
  it('are left to the server where this desk does not know the code', async () => {
    const english = await spoken('en')
    for (const code of ['file.hologram', 'call.telepathy', 'fax.in', '', 'file', 'file.more']) expect(english(code, { agents: 5, name: {} })).toBeNull()
    expect(english('call.in', { outcome: 'eaten', agents: 'Amy' })).toBe('Incoming call')
  })
})
