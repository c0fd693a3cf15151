import { useCallback, useEffect, useMemo, useRef, useState } from 'react'

const proxy = `${location.origin}/api/v1/attachments/`

// Pictures come from us or from the mail itself: a remote one would tell its sender when, where and that it was read.
const CSP = `default-src 'none'; img-src data: blob: ${proxy}; style-src 'unsafe-inline'`

const STYLE = `
  html { color-scheme: light; background: #fff; }
  body { margin: 0; padding: 10px 12px; font: 14px/1.5 system-ui, "Noto Sans", "Noto Sans CJK SC", sans-serif; color: #212529; overflow-wrap: anywhere; }
  img { max-width: 100%; height: auto; } table { max-width: 100%; } pre { white-space: pre-wrap; }
  blockquote { margin: 8px 0 0; padding-left: 10px; border-left: 3px solid #ced4da; color: #495057; }
  a { color: #1864ab; } p:first-child { margin-top: 0; } p:last-child { margin-bottom: 0; }`

/**
 * Set style attributes aside (the page's own policy, which srcdoc inherits, would refuse them one by one) and drop pictures
 * that would be loaded from elsewhere. A parsed document is inert: nothing in it runs or loads.
 */
function tame(html: string): string {
  const doc = new DOMParser().parseFromString(html.replace(/(<[^>]*?\s)style\s*=/gi, '$1data-style='), 'text/html')
  for (const img of doc.querySelectorAll('img')) {
    const src = img.getAttribute('src') ?? ''
    if (!/^(data:|blob:)/i.test(src) && !new URL(src, location.href).href.startsWith(proxy)) img.remove()
  }
  for (const el of doc.querySelectorAll('script, link, iframe, object, embed')) el.remove()
  return doc.body.innerHTML
}

const nonce = () => document.querySelector<HTMLMetaElement>('meta[property="csp-nonce"]')?.nonce ?? ''

/**
 * A letter in a box that runs nothing and loads nothing from outside. `allow-same-origin` lets us read its height and lets
 * attachments load with our cookie; without `allow-scripts` nothing inside can use it.
 */
export function MailFrame({ html, title }: { html: string; title: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const [height, setHeight] = useState(60)
  const srcdoc = useMemo(
    () =>
      `<!doctype html><html><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${CSP}">` +
      `<base target="_blank"><style nonce="${nonce()}">${STYLE}</style></head><body>${tame(html)}</body></html>`,
    [html],
  )
  const measure = useCallback(() => {
    const body = frame.current?.contentDocument?.body
    if (body) setHeight(Math.min(4000, Math.max(40, Math.ceil(body.scrollHeight))))
  }, [])
  const settle = useCallback(() => {
    const doc = frame.current?.contentDocument
    if (!doc) return
    // Styles set from outside are not inline styles, so the policy lets them be.
    for (const el of doc.querySelectorAll<HTMLElement>('[data-style]')) el.style.cssText = el.dataset.style ?? ''
    for (const a of doc.querySelectorAll('a')) a.rel = 'noopener noreferrer'
    for (const img of doc.images) img.addEventListener('load', measure)
    measure()
  }, [measure])
  useEffect(() => {
    const watch = new ResizeObserver(measure)
    if (frame.current) watch.observe(frame.current)
    return () => watch.disconnect()
  }, [measure])

  return (
    <iframe
      ref={frame} className="mail" title={title} srcDoc={srcdoc} style={{ height }} onLoad={settle} data-testid="mail-frame"
      sandbox="allow-same-origin allow-popups allow-popups-to-escape-sandbox"
    />
  )
}
