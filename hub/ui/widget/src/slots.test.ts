import { expect, test } from 'vitest'
import { slotOf, subjectOf } from './slots'

const jwt = (payload: object, signature: string) => `x.${btoa(JSON.stringify(payload)).replace(/=+$/, '')}.${signature}`

test('each person has a place of their own', () => {
  const people = [null, { email: 'alice@shop.example' }, { email: 'bob@shop.example' }, { name: 'Alice' }, { token: jwt({ sub: '7' }, 'a') }, { token: jwt({ sub: '8' }, 'a') }]
  expect(new Set(people.map(slotOf)).size).toBe(people.length)
})

test('the same person has the same place under another spelling or a fresh token', () => {
  expect(slotOf({ email: ' Alice@Shop.example' })).toBe(slotOf({ email: 'alice@shop.example', name: 'Alice' }))
  expect(slotOf({ token: jwt({ sub: '7', exp: 1 }, 'a') })).toBe(slotOf({ token: jwt({ sub: '7', exp: 2 }, 'b') }))
})

test('an identity that says nothing is nobody, and a token that cannot be read is somebody of its own', () => {
  expect(slotOf({})).toBe('')
  expect(subjectOf('not a token')).toBe('')
  expect(slotOf({ token: 'one' })).not.toBe(slotOf({ token: 'other' }))
})
