import { locale, w } from './words'

export const time = (at: string) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at))

export const Icon = ({ d }: { d: string }) => (
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d={d} /></svg>
)

/** Whether the visitor reads at the thread's end, and how far down they were: only their own scrolling up lets go of it. */
export const end = { stuck: true, top: 0 }

/** Characters as the server counts them. */
export const length = (text: string): number => [...text].length

/** How much room is left, once that matters; or by how much a text is too long. */
export function Room({ text, most }: { text: string; most: number }) {
  const left = most - length(text)
  if (left > most / 5) return null
  return (
    <p class={left < 0 ? 'room over' : 'room'} role={left < 0 ? 'alert' : undefined} data-testid="widget-room">
      {left < 0 ? w('tooLong', { n: -left, most }) : w('left', { n: left })}
    </p>
  )
}
