import { expect, test } from 'vitest'
import { amiss, read } from './numbers'

test('what is typed is kept as it is, and what does not fit is said', () => {
  expect(amiss(read('-5'), 0, 10)).toEqual(['at_least', { min: 0 }])
  expect(amiss(read(-5), 0, 10)).toEqual(['at_least', { min: 0 }])
  expect(amiss(read('11'), 0, 10)).toEqual(['at_most', { max: 10 }])
  expect(amiss(read('1.5'), 0, 10)).toEqual(['integer', {}])
  for (const nothing of ['', ' ', '-', '1e']) expect(amiss(read(nothing), -5, 10)).toEqual(['integer', {}])
  for (const good of ['0', 10, '-5']) expect(amiss(read(good), -5, 10)).toBeUndefined()
})
