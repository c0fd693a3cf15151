/** A text with its links. What finds them comes when there is something to find. */
import { Fragment, useEffect, useState } from 'react'
import type { linked } from '../../text/links'

let find: typeof linked | null = null
const MAYBE = /@|:\/\/|www\.|\d{3}|\d[ .-]\d/i

export function Words({ text }: { text: string }) {
  const some = MAYBE.test(text)
  const [, set] = useState(find !== null)
  useEffect(() => {
    if (!some || find) return
    let here = true
    import('../../text/links').then((m) => {
      find = m.linked
      if (here) set(true)
    }, () => undefined)
    return () => {
      here = false
    }
  }, [some])
  if (!some || !find) return <>{text}</>
  return (
    <>
      {find(text).map((p, n) => (
        <Fragment key={n}>
          {p.href
            ? <a href={p.href} title={p.href} target={p.href.startsWith('http') ? '_blank' : undefined} rel="noopener noreferrer nofollow" dir="ltr">{p.text}</a>
            : p.text}
          {p.host && <span className="meta" dir="ltr"> ({p.host})</span>}
        </Fragment>
      ))}
    </>
  )
}
