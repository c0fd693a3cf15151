/** What is typed into a field for a whole number. */

/** The number that is typed; NaN for none, or for one that is not finished, as `-`. */
export const read = (typed: number | string): number => (typeof typed === 'string' && !typed.trim() ? Number.NaN : Number(typed))

/** What is wrong with it, as the code and params of a field's error; undefined when nothing is. */
export function amiss(value: number, min: number, max: number): [code: string, params: Record<string, number>] | undefined {
  if (!Number.isInteger(value)) return ['integer', {}]
  if (value < min) return ['at_least', { min }]
  return value > max ? ['at_most', { max }] : undefined
}
