import { beforeEach, describe, expect, it, vi } from 'vitest'

/** A browser's storage, as far as it is used here. */
class Store {
  readonly kept = new Map<string, string>()
  get length() { return this.kept.size }
  key(i: number) { return [...this.kept.keys()][i] ?? null }
  getItem(name: string) { return this.kept.get(name) ?? null }
  setItem(name: string, value: string) { this.kept.set(name, value) }
  removeItem(name: string) { this.kept.delete(name) }
}

let local: Store
let session: Store
const reload = vi.fn()

/** The page as it loads: modules anew, storages as they were. */
async function page() {
  vi.resetModules()
  return { ...(await import('./prefs')), ...(await import('./outbox')) }
}

beforeEach(() => {
  local = new Store()
  session = new Store()
  reload.mockReset()
  vi.stubGlobal('localStorage', local)
  vi.stubGlobal('sessionStorage', session)
  vi.stubGlobal('location', { reload })
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('offline')))
})

const unsent = { conversation: 9, kind: 'message' as const, channel: 'email', files: [], body: { client_id: 'c1', text: 'private words' } }
const everything = () => [...local.kept, ...session.kept].flat().join(' ')

describe('what the browser keeps', () => {
  it('is nobody else’s after sign-out', async () => {
    const p = await page()
    p.own(1)
    p.remember('draft.9.reply', 'private words')
    p.remember('sort', 'new')
    p.remember('language', 'zh-CN')
    await p.sendOut(unsent)
    expect(everything()).toContain('private words')
    p.forget()
    expect([...local.kept.keys()]).toEqual(['hub.desk.language'])
    expect(session.length).toBe(0)
    p.own(2)
    expect(p.remembered('draft.9.reply', '')).toBe('')
    p.own(2)
    expect(p.unsent()).toEqual([])
    expect(reload).not.toHaveBeenCalled()
  })

  it('is read by its owner alone, and loads the page anew when another signs in over a session that ran out', async () => {
    const p = await page()
    p.own(1)
    p.remember('draft.9.reply', 'private words')
    await p.sendOut(unsent)
    expect(p.own(2)).toBe(false)
    expect(reload).toHaveBeenCalledOnce()
    expect(everything()).not.toContain('private words')
    const q = await page()
    expect(q.own(2)).toBe(true)
    expect(q.remembered('draft.9.reply', '')).toBe('')
    expect(q.unsent()).toEqual([])
  })

  it('is still there for its owner after a reload or a session that ran out', async () => {
    const p = await page()
    p.own(1)
    p.remember('draft.9.reply', 'mine')
    await p.sendOut(unsent)
    const q = await page()
    expect(q.remembered('draft.9.reply', '')).toBe('')
    expect(q.own(1)).toBe(true)
    expect(q.remembered('draft.9.reply', '')).toBe('mine')
    expect(q.unsent().map((o) => [o.body.client_id, o.state])).toEqual([['c1', 'failed']])
  })

  it('loses keys without an owner at start', async () => {
    local.setItem('hub.desk.draft.9.reply', '"somebody’s"')
    local.setItem('hub.desk.view', '"all"')
    local.setItem('hub.desk.language', '"en"')
    local.setItem('hub.desk.3.view', '"all"')
    local.setItem('hub.chat.shop.token', 'a visitor’s')
    session.setItem('hub.desk.outbox', '[]')
    await page()
    expect([...local.kept.keys()].sort()).toEqual(['hub.chat.shop.token', 'hub.desk.3.view', 'hub.desk.language'])
    expect(session.length).toBe(0)
  })

  it('takes nothing while nobody is signed in', async () => {
    const p = await page()
    p.remember('draft.9.reply', 'private words')
    expect(everything()).toBe('')
  })
})
