/**
 * The script a shop embeds: a button in a shadow root, and on first interest a frame with the chat. It adds one element
 * to the page, asks for no permission, and leaves the page's own styles alone.
 */
import type { Identity, Opening, ToFrame, ToPage } from './bridge'
import { slotOf } from './slots'

type Listener = (detail: unknown) => void
type Call = [method: string, ...args: unknown[]]

interface HubApi {
  open(): void
  close(): void
  identify(identity: Identity): void
  logout(): void
  on(event: string, listener: Listener): () => void
}

interface Running { api: HubApi; attach(): void }

declare global {
  interface Window {
    Hub?: HubApi | Call[]
    /** The one chat of this page, however often the script runs: pages that change without loading run it again. */
    hubChat?: Running
  }
}

const script = document.currentScript as HTMLScriptElement | null
const site = script?.dataset.site ?? ''
const base = script ? new URL('..', script.src) : new URL('/', location.href)
const zh = (navigator.language || '').toLowerCase().startsWith('zh')
const label = zh ? '在线咨询' : 'Chat with us'
const key = `hub.chat.${site}.`
const KEPT = ['token', 'outbox', 'rated', 'unread', 'draft']

const read = (name: string): string | null => {
  try {
    return localStorage.getItem(key + name)
  } catch {
    return null
  }
}
const write = (name: string, value: string | null): void => {
  try {
    if (value === null) localStorage.removeItem(key + name)
    else localStorage.setItem(key + name, value)
  } catch {
    // Without storage the visitor is new on every page; the chat itself works.
  }
}
/** Everything of every visitor of this browser. */
const forget = (): void => {
  try {
    for (const name of Object.keys(localStorage).filter((k) => k.startsWith(key))) localStorage.removeItem(name)
  } catch {
    // There is no storage, and so nothing in it.
  }
}

const CSS = `
:host{all:initial}
button{position:fixed;inset-inline-end:20px;bottom:20px;width:60px;height:60px;border:0;border-radius:50%;background:#1864ab;color:#fff;cursor:pointer;box-shadow:0 6px 24px #0005;display:grid;place-items:center;z-index:2147483000;padding:0}
button:hover{background:#14528c}
button:focus-visible{outline:3px solid #e67700;outline-offset:3px}
svg{width:28px;height:28px;fill:none;stroke:currentColor;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}
b{position:absolute;top:-4px;inset-inline-end:-4px;min-width:22px;height:22px;border-radius:11px;background:#c92a2a;color:#fff;font:600 13px/22px system-ui,sans-serif;text-align:center;padding:0 5px;box-sizing:border-box}
b:empty{display:none}
iframe{position:fixed;inset-inline-end:20px;bottom:92px;width:384px;height:min(640px,calc(100dvh - 112px));border:0;border-radius:16px;box-shadow:0 16px 56px #0006;background:#fff;z-index:2147483001;color-scheme:light dark}
iframe[hidden]{display:none}
@media(max-width:480px){iframe{inset:0;width:100%;height:100dvh;border-radius:0;bottom:0}.open{visibility:hidden}}
@media print{button,iframe{display:none}}`
const BUBBLE = 'M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2z'
const CROSS = 'M6 6l12 12M18 6 6 18'

/** Whether the page is written from right to left: it says so, or its language is. */
const isRtl = (): boolean => {
  const page = document.documentElement
  return getComputedStyle(document.body).direction === 'rtl' || (!page.dir && /^(ar|fa|he|iw|ur)\b/i.test(page.lang))
}

/** Calls made before this script arrived wait in an array under the same name. */
function answer({ api }: Running): void {
  const early = Array.isArray(window.Hub) ? window.Hub : []
  window.Hub = api
  for (const [method, ...args] of early) (api as unknown as Record<string, (...a: unknown[]) => void>)[method]?.(...args)
}

function start(): void {
  if (window.hubChat) {
    window.hubChat.attach()
    return answer(window.hubChat)
  }
  const host = document.createElement('div')
  host.id = 'hub-chat'
  host.dir = isRtl() ? 'rtl' : 'ltr'
  const root = host.attachShadow({ mode: 'open' })
  // A constructed sheet needs no permission from the page's own style-src.
  const sheet = new CSSStyleSheet()
  sheet.replaceSync(CSS)
  root.adoptedStyleSheets = [sheet]
  const button = document.createElement('button')
  button.type = 'button'
  button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${BUBBLE}"/></svg><b></b>`
  const path = button.querySelector('path')!
  const badge = button.querySelector('b')!
  root.append(button)
  /**
   * Beside the body and not in it: pages that put another body in its place (Turbo, pjax, htmx, routers) leave us, and
   * with us the frame, where we are. Whoever takes the whole page away finds us back in the next.
   */
  const watch = new MutationObserver(() => attach())
  const attach = () => {
    const page = document.documentElement
    watch.observe(page, { childList: true })
    if (!host.isConnected) page.append(host)
  }
  watch.observe(document, { childList: true })
  attach()

  const listeners = new Map<string, Set<Listener>>()
  let identity: Identity | null = null
  let frame: HTMLIFrameElement | null = null
  let port: MessagePort | null = null
  let open = false
  let wanted = false
  let slot = ''
  let turn = 0
  let unread = Number(read('unread') ?? 0)

  const emit = (name: string, detail?: unknown) => listeners.get(name)?.forEach((tell) => tell(detail))
  const say = (message: ToFrame) => port?.postMessage(message)
  const paint = () => {
    path.setAttribute('d', open ? CROSS : BUBBLE)
    badge.textContent = unread && !open ? String(Math.min(unread, 99)) : ''
    button.className = open ? 'open' : ''
    button.setAttribute('aria-expanded', String(open))
    button.setAttribute('aria-label', unread && !open ? `${label} (${unread})` : label)
  }
  const hear = (m: ToPage) => {
    if (m.t === 'close') show(false)
    else if (m.t === 'event') emit(m.name, m.detail)
    else if (m.turn !== turn) return
    else if (m.t === 'token') write(`${slot}token`, m.token)
    else if (m.t === 'outbox') write(`${slot}outbox`, m.outbox)
    else if (m.t === 'draft') write(`${slot}draft`, m.draft)
    else if (m.t === 'rated') write(`${slot}rated`, String(m.seq))
    else if (m.t === 'refused') {
      console.warn(`hub.js: identity ${m.code}: ${m.detail}`)
      emit('identity-refused', { code: m.code, detail: m.detail })
    } else {
      unread = m.count
      write(`${slot}unread`, unread ? String(unread) : null)
      paint()
      emit('unread', unread)
    }
  }
  const opening = (): Opening => ({
    hub: 1, turn, token: read(`${slot}token`), outbox: read(`${slot}outbox`), draft: read(`${slot}draft`), rated: Number(read(`${slot}rated`) ?? 0),
    identity, rtl: host.dir === 'rtl',
  })
  /** Another visitor, or nobody: nothing of the one before stays on the screen. */
  const turnTo = (leave: boolean) => {
    turn++
    unread = Number(read(`${slot}unread`) ?? 0)
    paint()
    say({ t: 'opening', opening: opening(), leave })
  }
  const identify = (who: Identity) => {
    const next = slotOf(who)
    identity = who
    if (next === slot) return say({ t: 'identity', identity: who })
    // What was written before anybody was named belongs to the first who is, unless they have a thread already.
    if (!slot && read(`${next}token`) === null) {
      for (const name of KEPT) {
        write(next + name, read(name))
        write(name, null)
      }
    }
    slot = next
    turnTo(false)
  }
  /** `everywhere`: the other tabs are told by what is written last. */
  const logout = (everywhere: boolean) => {
    if (everywhere) {
      forget()
      write('logout', `${Date.now()}`)
    } else for (const name of KEPT) write(slot + name, null) // what this tab may have put back meanwhile
    identity = null
    slot = ''
    turnTo(true)
  }
  const connect = () => {
    const channel = new MessageChannel()
    port = channel.port1
    port.onmessage = (e) => hear(e.data as ToPage)
    frame!.contentWindow!.postMessage(opening(), base.origin, [channel.port2])
    say({ t: 'shown', open })
    if (wanted) take()
  }
  const take = () => {
    wanted = false
    frame!.focus()
    say({ t: 'focus' })
  }
  const load = () => {
    if (frame) return
    frame = document.createElement('iframe')
    frame.title = label
    frame.hidden = !open
    frame.allow = 'clipboard-write'
    frame.onload = connect
    frame.src = `${base.href}widget/frame?site=${encodeURIComponent(site)}`
    root.append(frame)
  }
  const show = (next: boolean, focus = true) => {
    if (next === open) return
    load()
    open = next
    frame!.hidden = !open
    write('open', open ? '1' : null)
    paint()
    say({ t: 'shown', open })
    wanted = open && focus
    if (wanted && port) take()
    else if (!open) button.focus()
    emit(open ? 'open' : 'close')
  }

  button.onclick = () => show(!open)
  button.onpointerenter = button.onfocus = load
  addEventListener('keydown', (e) => {
    if (e.key === 'Escape' && open && root.activeElement) show(false)
  })

  const api: HubApi = {
    open: () => show(true),
    close: () => show(false),
    identify,
    logout: () => logout(true),
    on: (event, listener) => {
      if (!listeners.has(event)) listeners.set(event, new Set())
      listeners.get(event)!.add(listener)
      return () => listeners.get(event)?.delete(listener)
    },
  }
  addEventListener('storage', (e) => {
    if (e.key === `${key}logout` && e.newValue) logout(false)
  })

  window.hubChat = { api, attach }
  answer(window.hubChat)

  paint()
  // Open again on the next page, but leave the cursor where the visitor has it.
  if (read('open') && innerWidth > 480) show(true, false)
  // A returning visitor may have an answer waiting: look when the page has nothing better to do.
  else if (read('token')) (window.requestIdleCallback ?? ((f: () => void) => setTimeout(f, 1500)))(load)
}

if (!site) console.error('hub.js: the script tag needs data-site')
else if (document.body) start()
else addEventListener('DOMContentLoaded', start)
