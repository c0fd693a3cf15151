import { describe, expect, it } from 'vitest'
import { linked, type Part } from './links'
import { plainName } from './plain'

const hrefs = (text: string) => linked(text).flatMap((p) => (p.href ? [`${p.text} -> ${p.href}`] : []))
const one = (text: string): Part => {
  const found = linked(text).filter((p) => p.href)
  expect(found).toHaveLength(1)
  return found[0]!
}

describe('what becomes a link', () => {
  it.each([
    ['See https://shop.example/a?b=c&d=1#e.', 'https://shop.example/a?b=c&d=1#e'],
    ['(https://shop.example/a_(b))', 'https://shop.example/a_(b)'],
    ['“https://shop.example/a”, he said', 'https://shop.example/a'],
    ['请看 https://shop.example/a。谢谢', 'https://shop.example/a'],
    ['www.shop.example/a, or so', 'www.shop.example/a'],
    ['write to ida.roth+x@home.example!', 'ida.roth+x@home.example'],
    ['<ida@home.example>', 'ida@home.example'],
    ['call +49 30 1234567.', '+49 30 1234567'],
    ['call (415) 555-0132, please', '(415) 555-0132'],
    ['call 415-555-0132', '415-555-0132'],
    ['020 7946 0958', '020 7946 0958'],
    ['030/1234567', '030/1234567'],
    ['0800 123 4567?', '0800 123 4567'],
  ])('%s', (text, link) => expect(one(text).text).toBe(link))

  it('keeps the digits of a number and its plus', () => {
    expect(hrefs('+1 (415) 555-0132')).toEqual(['+1 (415) 555-0132 -> tel:+14155550132'])
  })
})

describe('what does not', () => {
  it.each([
    'order 4711 0815 1234', '2026-01-02', '01.02.2026 10:30', '01-02-2026 12', '5.99 was charged twice', 'javascript:alert(1)',
    'data:text/html,<b>', 'vbscript:x', 'file:///etc/passwd', 'ftp://shop.example/a', '//shop.example/a', 'notes.py', 'e.g.so',
    'https://bank.example@evil.example/', 'https:// shop', '4111 1111 1111 1111', '1,000,000.00', '192.168.0.1', 'v1.2.3',
  ])('%s', (text) => {
    for (const href of linked(text).map((p) => p.href ?? '')) expect(href).not.toMatch(/^(?!$)(?!https:\/\/bank\.example\/?$)/)
  })
})

describe('what it says', () => {
  it('says where it leads when that looks different', () => {
    expect(one('https://\u0430pple.com/x').host).toBe('xn--pple-43d.com') // a Cyrillic a
    expect(one('https://münchen.example').host).toBe('xn--mnchen-3ya.example')
    expect(one('https://SHOP.example/X').host).toBeUndefined()
    expect(one('ida@münchen.example').host).toBe('xn--mnchen-3ya.example')
  })

  it('ends before what turns the direction', () => {
    const found = one('https://shop.example/\u202egpj.exe')
    expect(found.text).toBe('https://shop.example/')
    expect(found.href).toBe('https://shop.example/')
    expect(plainName('invoice\u202efdp.exe')).toBe('invoicefdp.exe')
  })

  it('loses no character and links only to http, https, mailto and tel', () => {
    const pieces = ['https://a.example/', 'x@y.example', '+4930123456789', '\u202e', '(', ')', '.', ' ', '\n', 'مرحبا', '中文', 'javascript:', '@', '//', 'www.b.example', '0', '-', '😀', '<b>', '"', "'"]
    let seed = 7
    const next = (n: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n
    for (let round = 0; round < 2_000; round++) {
      const text = Array.from({ length: 1 + next(12) }, () => pieces[next(pieces.length)]).join('')
      const parts = linked(text)
      expect(parts.map((p) => p.text).join('')).toBe(text)
      for (const { href } of parts) if (href) expect(href).toMatch(/^(https?:\/\/|mailto:|tel:\+?\d)/)
    }
  })

  it('takes a text of any length', () => {
    const long = 'https://a.example/ +1 415 555 0132 '.repeat(5_000)
    expect(linked(long).map((p) => p.text).join('')).toBe(long)
    expect(linked('('.repeat(150_000))).toHaveLength(1)
  })
})
