import { useCallback, useEffect, useRef, useState } from 'react'
import { pageUrl } from '../api'

/**
 * A letter in a page of its own: the server cleans it and gives it a policy that runs nothing and loads nothing from outside.
 * `allow-same-origin` lets us read its height and lets attachments load with our cookie; without `allow-scripts` nothing
 * inside can use it.
 */
export function MailFrame({ id, title, whole, images }: { id: number; title: string; whole: boolean; images: boolean }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const [height, setHeight] = useState(60)
  const measure = useCallback(() => {
    const body = frame.current?.contentDocument?.body
    if (body) setHeight(Math.min(4000, Math.max(40, Math.ceil(body.scrollHeight))))
  }, [])
  const settle = useCallback(() => {
    for (const img of frame.current?.contentDocument?.images ?? []) img.addEventListener('load', measure)
    measure()
  }, [measure])
  useEffect(() => {
    const watch = new ResizeObserver(measure)
    if (frame.current) watch.observe(frame.current)
    return () => watch.disconnect()
  }, [measure])

  return (
    <iframe
      ref={frame} className="mail" title={title} src={pageUrl(id, whole, images)} style={{ height }} onLoad={settle} data-testid="mail-frame"
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    />
  )
}
