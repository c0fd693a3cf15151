import { describe, expect, it } from 'vitest'
import { culprits, plainer, segments } from './segments'
import cases from './segments.json'

describe('segments', () => {
  it.each(cases)('$name', ({ part, times, count, encoding, units }) => {
    expect(segments(part.repeat(times))).toMatchObject({ count, encoding, units })
  })
  it('says what fits into as many messages', () => {
    expect(segments('a').room).toBe(160)
    expect(segments('a'.repeat(161)).room).toBe(306)
    expect(segments('中'.repeat(71)).room).toBe(134)
  })
})

describe('what makes a text Unicode', () => {
  it('is named once each, in order', () => expect(culprits('He said “yes”, then “no” 😀.')).toEqual(['“', '”', '😀']))
  it('has a number where there is nothing to see', () => expect(culprits('a\u00a0b\u200dc')).toEqual(['U+00A0', 'U+200D']))
  it('is nothing in plain text', () => expect(culprits('Total: 20 € [net] ~ {a|b} ^ \\')).toEqual([]))
  it('can be written in plain signs where only signs are to blame', () => {
    expect(plainer('“Don’t” – wait…')).toBe('"Don\'t" - wait...')
    expect(plainer('“你好”')).toBeNull()
    expect(plainer('plain')).toBeNull()
  })
})
