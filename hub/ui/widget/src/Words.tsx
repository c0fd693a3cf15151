/** A text with its links. What finds them comes when there is something to find. */
import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { linked } from '../../text/links'

const find = signal<typeof linked | null>(null)
let asked = false
const MAYBE = /@|:\/\/|www\.|\d{3}|\d[ .-]\d/i

export function Words({ text }: { text: string }) {
  const some = MAYBE.test(text)
  useEffect(() => {
    if (!some || asked) return
    asked = true
    import('../../text/links').then((m) => (find.value = m.linked), () => (asked = false))
  }, [some])
  if (!some || !find.value) return <>{text}</>
  return (
    <>
      {find.value(text).map((p) => (p.href
        ? <><a href={p.href} title={p.href} target={/^http/.test(p.href) ? '_blank' : undefined} rel="noopener noreferrer nofollow" dir="ltr">{p.text}</a>{p.host && <small class="host" dir="ltr"> ({p.host})</small>}</>
        : p.text))}
    </>
  )
}
