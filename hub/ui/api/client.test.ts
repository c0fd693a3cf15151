import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { at, data, hub } from './client'

const sent: { method: string; address: string; init: RequestInit }[] = []
const answer = (status: number, body?: unknown) =>
  vi.stubGlobal('fetch', (address: string, init: RequestInit) => {
    sent.push({ method: init.method ?? '', address, init })
    return Promise.resolve(new Response(body === undefined ? null : JSON.stringify(body), { status, statusText: 'As told' }))
  })
const header = (n: number, name: string) => new Headers(sent[n]?.init.headers).get(name)

afterEach(() => void sent.splice(0))
afterAll(() => void vi.unstubAllGlobals())

describe('a request', () => {
  it('names its path, asks for nothing empty, and says on a change that it comes from our page', async () => {
    answer(200, { items: [], next_cursor: null })
    await data(hub.GET('/api/v1/contacts/{contact_id}/timeline', { params: { path: { contact_id: 7 }, query: { channel: '', cursor: undefined, limit: 5 } } }))
    await data(hub.POST('/api/v1/offers/{offer_id}/accept', at({ offer_id: 3 })))
    expect(sent.map((r, n) => [r.method, r.address, header(n, 'X-Hub-Request')])).toEqual([
      ['GET', '/api/v1/contacts/7/timeline?limit=5', null],
      ['POST', '/api/v1/offers/3/accept', '1'],
    ])
  })

  it('is JSON, but a form when it carries a file: the browser chooses its boundary', async () => {
    answer(201, { id: 1, name: 'a.txt', size: 1, content_type: 'text/plain' })
    const form = new FormData()
    form.append('file', new File(['x'], 'a.txt'))
    await data(hub.POST('/api/v1/uploads', { body: { file: 'a.txt' }, bodySerializer: () => form }))
    await data(hub.PATCH('/api/v1/me', { body: { theme: 'dark' } }))
    expect(sent.map((r, n) => [r.init.body, header(n, 'Content-Type')])).toEqual([
      [form, null],
      ['{"theme":"dark"}', 'application/json'],
    ])
  })
})

describe('an answer', () => {
  it('is what it holds, or nothing', async () => {
    answer(200, { conversation_id: 5 })
    expect(await data(hub.POST('/api/v1/offers/{offer_id}/accept', at({ offer_id: 3 })))).toEqual({ conversation_id: 5 })
    answer(204)
    expect(await data(hub.DELETE('/api/v1/session'))).toBeUndefined()
  })

  it('is a problem in the words of the hub, of its proxy, or of nobody', async () => {
    const refusal = () => data(hub.GET('/api/v1/me')).catch((e: unknown) => e)
    answer(409, { status: 409, title: 'Conflict', detail: 'It is gone.', remedy: null, errors: [] })
    expect(await refusal()).toMatchObject({ status: 409, message: 'It is gone.', remedy: '', errors: [] })
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502, statusText: 'Bad Gateway' })))
    expect(await refusal()).toMatchObject({ status: 502, message: 'Bad Gateway' })
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('no network')))
    expect(await refusal()).toMatchObject({ status: 0, title: 'offline' })
  })
})
