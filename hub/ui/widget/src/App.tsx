import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import * as chat from './chat'
import { locale, w, type Word } from './words'

const time = (at: string) => new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(new Date(at))
const sameDay = (a: string, b: string) => new Date(a).toDateString() === new Date(b).toDateString()
const day = (at: string) => new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }).format(new Date(at))

const Icon = ({ d }: { d: string }) => (
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d={d} /></svg>
)

export function App() {
  return (
    <main class="app">
      <Head />
      {chat.line.value === 'down' && <p class="strip" role="status">{w(chat.site.value ? 'reconnecting' : 'error')}</p>}
      {chat.asking.value ? <PreChat /> : <Chat />}
    </main>
  )
}

function Head() {
  const menu = useSignal(false)
  const agent = chat.status.value?.agent?.name
  const live = chat.status.value?.status === 'open'
  return (
    <header>
      <div class="who">
        <h1>{chat.site.value?.name ?? w('title')}</h1>
        {live && agent && <p>{w('joined', { name: agent })}</p>}
      </div>
      {live && (
        <div class="menu">
          <button type="button" aria-label={w('menu')} aria-expanded={menu.value} onClick={() => (menu.value = !menu.value)}>
            <Icon d="M12 5.5v.01M12 12v.01M12 18.5v.01" />
          </button>
          {menu.value && (
            <button
              type="button" class="item"
              onClick={() => {
                menu.value = false
                chat.end()
              }}
            >
              {w('end')}
            </button>
          )}
        </div>
      )}
      <button type="button" aria-label={w('close')} onClick={chat.close}><Icon d="M6 6l12 12M18 6 6 18" /></button>
    </header>
  )
}

function PreChat() {
  const name = useSignal('')
  const email = useSignal('')
  const first = useRef<HTMLInputElement>(null)
  const focus = chat.focusing.value
  useEffect(() => {
    if (focus) first.current?.focus()
  }, [focus])
  return (
    <form
      class="prechat"
      onSubmit={(e) => {
        e.preventDefault()
        chat.identify({ name: name.value.trim(), email: email.value.trim() }, false)
        chat.focusing.value++
      }}
    >
      <p>{chat.site.value?.open === false ? w('away') : w('prechat')}</p>
      <label>{w('name')}<input ref={first} name="name" autocomplete="name" required maxLength={120} value={name.value} onInput={(e) => (name.value = e.currentTarget.value)} /></label>
      <label>{w('email')}<input name="email" type="email" autocomplete="email" required maxLength={254} value={email.value} onInput={(e) => (email.value = e.currentTarget.value)} /></label>
      <button type="submit" class="primary">{w('start')}</button>
    </form>
  )
}

function Chat() {
  const log = useRef<HTMLDivElement>(null)
  const list = chat.messages.value
  const count = list.length + chat.waiting.value.length
  useLayoutEffect(() => {
    if (log.current) log.current.scrollTop = log.current.scrollHeight
  }, [count, chat.typing.value, chat.rating.value, chat.shown.value])
  const greeting = chat.site.value?.greeting || w('intro')
  const lastMine = list.filter((m) => m.from === 'customer').at(-1)?.id
  return (
    <>
      <div class="log" role="log" tabIndex={0} aria-label={w('messages')} ref={log} data-testid="widget-log">
        {chat.site.value && <div class="m agent"><p>{greeting}</p></div>}
        {chat.site.value?.open === false && <p class="sys">{w('away')}</p>}
        {list.map((m, i) => (
          <>
            {(i === 0 ? !sameDay(m.at, new Date().toISOString()) : !sameDay(m.at, list[i - 1]!.at)) && <p class="sys">{day(m.at)}</p>}
            {m.from === 'system' ? <p class="sys" key={m.id}>{m.text}</p> : (
              <Bubble
                key={m.id} mine={m.from === 'customer'} name={m.from === 'agent' ? m.name : null} text={m.text}
                foot={m.id === lastMine && m.status !== 'received' && isWord(m.status) ? `${time(m.at)} · ${w(m.status)}` : time(m.at)}
              />
            )}
          </>
        ))}
        {chat.waiting.value.map((m) => (
          <Bubble key={m.id} mine text={m.text} bad={Boolean(m.error)} foot={m.error ? '' : `${time(m.at)} · ${w('sending')}`}>
            {m.error && <p class="failure">{m.error} <button type="button" onClick={() => chat.retry(m.id)}>{w('retry')}</button></p>}
          </Bubble>
        ))}
        {chat.notice.value && <p class="sys" role="status" data-testid="widget-notice">{chat.notice.value}</p>}
        <Place />
        {chat.typing.value && <p class="sys typing"><i /><i /><i /><span>{w('typing', { name: chat.typing.value })}</span></p>}
        {chat.rating.value === 'ask' && <Rating />}
        {chat.rating.value === 'done' && <p class="sys">{w('thanks')}</p>}
      </div>
      {/* Only the site knows whether it asks for a name first; a field that turns into a form would lose words. */}
      {chat.site.value && <Write />}
    </>
  )
}

const isWord = (s: string): s is Word & string => ['sent', 'delivered', 'read', 'failed'].includes(s)

function Bubble(p: { mine: boolean; name?: string | null; text: string; foot: string; bad?: boolean; children?: ComponentChildren }) {
  return (
    <div class={`m ${p.mine ? 'mine' : 'agent'}${p.bad ? ' bad' : ''}`} data-testid="widget-message" data-from={p.mine ? 'customer' : 'agent'}>
      {p.name && <strong>{p.name}</strong>}
      <p>{p.text}</p>
      {p.children}
      {p.foot && <small>{p.foot}</small>}
    </div>
  )
}

/** Where the visitor stands: in line, with somebody, or done. */
function Place() {
  const s = chat.status.value
  if (!s) return null
  if (s.status === 'resolved') return chat.rating.value === 'no' ? <p class="sys">{w('resolved')}</p> : null
  if (s.agent || s.position === null) return null
  const text = s.position <= 1 ? w('next') : w('queue', { n: s.position, ahead: s.position - 1 })
  return <p class="sys" role="status" data-testid="widget-position">{text}</p>
}

function Rating() {
  const score = useSignal(0)
  const comment = useSignal('')
  return (
    <form
      class="rating" data-testid="widget-rating"
      onSubmit={(e) => {
        e.preventDefault()
        if (score.value) chat.rate(score.value, comment.value.trim())
      }}
    >
      <fieldset>
        <legend>{w('rate')}</legend>
        {[1, 2, 3, 4, 5].map((n) => (
          <label key={n} class={n <= score.value ? 'on' : ''}>
            <input type="radio" name="score" value={n} checked={score.value === n} onChange={() => (score.value = n)} aria-label={w('stars', { n })} />
            <Icon d="M12 3.5l2.6 5.6 6 .7-4.5 4.1 1.2 6-5.3-3-5.3 3 1.2-6L3.4 9.800l6-.7z" />
          </label>
        ))}
      </fieldset>
      {score.value > 0 && (
        <>
          <textarea aria-label={w('comment')} placeholder={w('comment')} rows={2} maxLength={1000} value={comment.value} onInput={(e) => (comment.value = e.currentTarget.value)} />
          <button type="submit" class="primary">{w('rateSend')}</button>
        </>
      )}
    </form>
  )
}

function Write() {
  const text = useSignal('')
  const area = useRef<HTMLTextAreaElement>(null)
  const focus = chat.focusing.value
  useEffect(() => {
    if (focus) area.current?.focus()
  }, [focus])
  useLayoutEffect(() => {
    const el = area.current
    if (!el) return
    el.style.height = 'auto'
    el.style.height = `${Math.min(132, el.scrollHeight + 2)}px`
  }, [text.value])
  const send = () => {
    if (!text.value.trim()) return
    chat.say(text.value)
    text.value = ''
    area.current?.focus()
  }
  return (
    <form
      class="write"
      onSubmit={(e) => {
        e.preventDefault()
        send()
      }}
    >
      <textarea
        ref={area} rows={1} value={text.value} placeholder={w('placeholder')} aria-label={w('placeholder')} maxLength={5000} data-testid="widget-text"
        onInput={(e) => {
          text.value = e.currentTarget.value
          chat.isTyping()
        }}
        onKeyDown={(e) => {
          // Enter that ends an input-method word must not send half a sentence; 229 is how some browsers say so.
          if (e.key !== 'Enter' || e.shiftKey || e.isComposing || e.keyCode === 229) return
          e.preventDefault()
          send()
        }}
      />
      <button type="submit" aria-label={w('send')} disabled={!text.value.trim()} data-testid="widget-send"><Icon d="M4 12 20 4l-5 16-3.500-6.500z" /></button>
    </form>
  )
}
