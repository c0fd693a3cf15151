import { describe, expect, it } from 'vitest'
import { filledIn, given, pieces, places, whole } from './templates'

const body = 'Hello {{1}}, your order {{ 2 }} left. Thank you, {{1}}.'

describe('templates', () => {
  it('finds each place once, in order', () => {
    expect(places(body)).toEqual(['1', '2'])
    expect(places('Dear {{name}}')).toEqual(['name'])
    expect(places('Thank you.')).toEqual([])
  })
  it('fills in what is known and shows the name of what is not', () => {
    expect(filledIn(body, { 1: 'Ana' })).toBe('Hello Ana, your order {{ 2 }} left. Thank you, Ana.')
    expect(whole(body, { 1: 'Ana' })).toBe(false)
    expect(whole(body, { 1: 'Ana', 2: ' ' })).toBe(false)
    expect(whole(body, { 1: 'Ana', 2: 'LO-7' })).toBe(true)
  })
  it('takes a value as it is, whatever it looks like', () => {
    expect(filledIn('{{1}}', { 1: '{{2}} $& \\1' })).toBe('{{2}} $& \\1')
  })
  it('marks which pieces were filled in', () => {
    expect(pieces('Hi {{1}}!', { 1: 'Ana' }).map((p) => [p.text, p.place])).toEqual([['Hi ', null], ['Ana', '1'], ['!', null]])
  })
  it('sends only the places there are, without blanks around', () => {
    expect(given('Hi {{1}}', { 1: ' Ana ', 2: 'left over' })).toEqual({ 1: 'Ana' })
  })
})
