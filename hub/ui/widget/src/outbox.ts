/** Messages the server has not confirmed. Pure, so that every rule has a test. */
export interface Waiting { id: string; text: string; files: Sent[]; at: string; sent: boolean; error: string }
/** A file that lies with the server already, under the id that it was sent with. */
export interface Sent { id: string; name: string; size: number }

export function restore(raw: string | null): Waiting[] {
  try {
    const list = JSON.parse(raw ?? '[]') as Partial<Waiting>[]
    return list
      .filter((x): x is Waiting => typeof x.id === 'string' && typeof x.text === 'string')
      .map((x) => ({ id: x.id, text: x.text, files: x.files ?? [], at: x.at ?? new Date().toISOString(), sent: false, error: '' }))
  } catch {
    return []
  }
}

export const without = (list: Waiting[], id: string | null | undefined): Waiting[] => list.filter((x) => x.id !== id)

export const change = (list: Waiting[], id: string, what: Partial<Waiting>): Waiting[] =>
  list.map((x) => (x.id === id ? { ...x, ...what } : x))

/** The next to go: one at a time, so that a slow first cannot arrive after a quick second. */
export function next(list: Waiting[]): Waiting | undefined {
  if (list.some((x) => x.sent && !x.error)) return undefined
  return list.find((x) => !x.sent && !x.error)
}

/** After a lost line nobody knows what arrived; the server knows each by its id. */
export const again = (list: Waiting[]): Waiting[] => list.map((x) => (x.error ? x : { ...x, sent: false }))
