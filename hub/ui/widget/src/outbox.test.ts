import { describe, expect, it } from 'vitest'
import { again, change, next, restore, without } from './outbox'

const list = restore(JSON.stringify([{ id: 'a', text: 'one' }, { id: 'b', text: 'two' }]))

describe('outbox', () => {
  it('sends one at a time, in order', () => {
    expect(next(list)?.id).toBe('a')
    expect(next(change(list, 'a', { sent: true }))).toBeUndefined()
    expect(next(without(list, 'a'))?.id).toBe('b')
  })
  it('starts again after a lost line, with the same ids', () => {
    expect(next(again(change(list, 'a', { sent: true })))?.id).toBe('a')
  })
  it('steps over a refused message and keeps it for the visitor', () => {
    const refused = change(list, 'a', { sent: true, error: 'too long' })
    expect(next(refused)?.id).toBe('b')
    expect(again(refused)[0]).toMatchObject({ id: 'a', error: 'too long' })
  })
  it('takes rubbish in the storage for an empty box', () => {
    expect(restore('{')).toEqual([])
    expect(restore('[{"id":1}]')).toEqual([])
    expect(restore(null)).toEqual([])
  })
})
