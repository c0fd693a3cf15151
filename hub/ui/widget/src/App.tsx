import { useSignal } from '@preact/signals'
import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import * as chat from './chat'
import { Files } from './Files'
import type { Sent } from './outbox'
import { end, Icon, length, Room, time } from './bits'
import { Words } from './Words'
import { locale, w, type Word } from './words'
import { Write } from './Write'

const MOST_COMMENT = 1000 // characters; the server refuses more
const sameDay = (a: string, b: string) => new Date(a).toDateString() === new Date(b).toDateString()
const day = (at: string) => new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' }).format(new Date(at))

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
        <h1 dir="auto">{chat.site.value?.name ?? w('title')}</h1>
        {live && agent && <p dir="auto">{w('joined', { name: agent })}</p>}
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

/** Both fields are looked at together, and each says at itself what it lacks. */
function PreChat() {
  const values = { name: useSignal(''), email: useSignal('') }
  const tried = useSignal(false)
  const form = useRef<HTMLFormElement>(null)
  const focus = chat.focusing.value
  useEffect(() => {
    if (focus) form.current?.querySelector('input')?.focus()
  }, [focus])
  const name = values.name.value.trim()
  const email = values.email.value.trim()
  const wrong = { name: name ? '' : w('nameNeeded'), email: /^[^\s@]+@[^\s@]+$/.test(email) ? '' : w('invalid') }
  const field = (id: 'name' | 'email', more: JSX.IntrinsicElements['input']) => {
    const said = tried.value ? wrong[id] : ''
    return (
      <label>
        {w(id)}
        <input
          {...more} name={id} maxLength={id === 'name' ? 120 : 254} autocomplete={id} value={values[id].value} aria-required="true" aria-invalid={Boolean(said)} aria-describedby={said ? `${id}-wrong` : undefined}
          onInput={(e) => (values[id].value = e.currentTarget.value)}
        />
        {said && <span class="wrong" id={`${id}-wrong`} data-testid={`${id}-wrong`}>{said}</span>}
      </label>
    )
  }
  return (
    <form
      class="prechat" noValidate ref={form}
      onSubmit={(e) => {
        e.preventDefault()
        tried.value = true
        if (wrong.name || wrong.email) return form.current?.querySelectorAll('input')[wrong.name ? 0 : 1]?.focus()
        chat.identify({ name, email }, false)
        chat.focusing.value++
      }}
    >
      <p>{chat.site.value?.open === false ? w('away') : w('prechat')}</p>
      {field('name', { dir: 'auto' })}
      {field('email', { type: 'email', dir: 'ltr' })}
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
      <div class="log" role="log" tabIndex={0} aria-label={w('messages')} ref={log} data-testid="widget-log" onScroll={(e) => scrolled(e.currentTarget)}>
        {chat.site.value && <div class="m agent"><p dir="auto"><Words text={greeting} /></p></div>}
        {chat.site.value?.open === false && <p class="sys">{w('away')}</p>}
        {list.map((m, i) => (
          <>
            {(i === 0 ? !sameDay(m.at, new Date().toISOString()) : !sameDay(m.at, list[i - 1]!.at)) && <p class="sys">{day(m.at)}</p>}
            {m.from === 'system' ? <p class="sys" key={m.id} dir="auto">{m.text}</p> : (
              <Bubble
                key={m.id} mine={m.from === 'customer'} name={m.from === 'agent' ? m.name : null} text={m.text} files={m.files}
                foot={m.id === lastMine && m.status !== 'received' && isWord(m.status) ? `${time(m.at)} · ${w(m.status)}` : time(m.at)}
              />
            )}
          </>
        ))}
        {chat.waiting.value.map((m) => (
          <Bubble key={m.id} mine text={m.text} waiting={m.files} bad={Boolean(m.error)} foot={m.error ? '' : `${time(m.at)} · ${w('sending')}`}>
            {m.error && (
              <p class="failure">
                {m.error} <button type="button" onClick={() => chat.retry(m.id)}>{w('retry')}</button>
                <button type="button" onClick={() => chat.takeBack(m.id)}>{w('change')}</button>
              </p>
            )}
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

function scrolled(log: HTMLElement): void {
  if (log.scrollHeight - log.scrollTop - log.clientHeight < 60) end.stuck = true
  else if (log.scrollTop < end.top - 2) end.stuck = false
  end.top = log.scrollTop
}

const isWord = (s: string): s is Word & string => ['sent', 'delivered', 'read', 'failed'].includes(s)

interface BubbleProps {
  mine: boolean; name?: string | null; text: string; files?: chat.File[]; waiting?: Sent[]; foot: string; bad?: boolean; children?: ComponentChildren
}

function Bubble(p: BubbleProps) {
  return (
    <div class={`m ${p.mine ? 'mine' : 'agent'}${p.bad ? ' bad' : ''}`} data-testid="widget-message" data-from={p.mine ? 'customer' : 'agent'}>
      {p.name && <strong dir="auto">{p.name}</strong>}
      {p.text && <p dir="auto"><Words text={p.text} /></p>}
      {p.files && <Files files={p.files} />}
      {p.waiting?.map((f) => <span key={f.id} class="file"><span class="name" dir="auto">{f.name}</span></span>)}
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
        if (score.value && length(comment.value.trim()) <= MOST_COMMENT) chat.rate(score.value, comment.value.trim())
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
          <textarea dir="auto" maxLength={1000} aria-label={w('comment')} placeholder={w('comment')} rows={2} value={comment.value} onInput={(e) => (comment.value = e.currentTarget.value)} />
          <Room text={comment.value.trim()} most={MOST_COMMENT} />
          <button type="submit" class="primary" disabled={length(comment.value.trim()) > MOST_COMMENT}>{w('rateSend')}</button>
        </>
      )}
    </form>
  )
}
