import { Button } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useLayoutEffect, useRef, type ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Conversation, type Interaction, type SendState } from '../api'
import { FactsAbove, FactsBelow, messageAnchor } from '../messaging/Facts'
import '../messaging/messaging.css'
import { complain } from '../parts/ask'
import { useChannelName, useWho } from '../parts/bits'
import { useNow } from '../parts/clock'
import { clock, dayName, fullDate, sameDay } from '../format'
import { Icon } from '../parts/icons'
import { useSaid } from '../parts/said'
import { useUnsent } from '../parts/unsent'
import { Words } from '../parts/Words'
import { useMe } from '../shell/me'
import { isCall, isMail } from '../state/channels'
import { discard, type Outgoing, retry, useOutbox } from '../state/outbox'
import { withEarlier } from '../state/reducers'
import { Files } from './Files'
import { MessageBody } from './MessageBody'

/** `head` and `foot` scroll with the messages: all the height is theirs. */
export function Messages({ c, head, foot }: { c: Conversation; head: ReactNode; foot: ReactNode }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const known = new Set(c.interactions.map((i) => i.client_id))
  const outgoing = useOutbox(c.id).filter((o) => !known.has(o.body.client_id))
  const box = useRef<HTMLDivElement>(null)
  const stuck = useRef(true)
  const top = useRef(0)
  const height = useRef<number | null>(null)
  const lastId = c.interactions[c.interactions.length - 1]?.id
  const firstId = c.interactions[0]?.id

  const earlier = useMutation({
    mutationFn: () => api.earlier(c.id, c.interactions[0]?.seq ?? 0),
    onSuccess: (page) => {
      height.current = box.current?.scrollHeight ?? null
      client.setQueryData<Conversation>(['conversation', c.id], (old) => old && withEarlier(old, page.items, page.has_earlier))
    },
    onError: complain,
  })
  const toEnd = () => {
    if (stuck.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }
  useLayoutEffect(toEnd, [lastId, outgoing.length])
  useLayoutEffect(() => {
    // Older messages grow the top; what is being read must not move.
    if (height.current !== null && box.current) box.current.scrollTop += box.current.scrollHeight - height.current
    height.current = null
  }, [firstId])
  useEffect(() => {
    // Mail frames and pictures find their height late, and the composer grows while typing.
    const watch = new ResizeObserver(toEnd)
    if (box.current) {
      watch.observe(box.current)
      if (box.current.firstElementChild) watch.observe(box.current.firstElementChild)
    }
    return () => watch.disconnect()
  }, [])

  const parts: ReactNode[] = []
  let before: Interaction | null = null
  for (const i of c.interactions) {
    if (!before || !sameDay(before.at, i.at)) parts.push(<div className="day" key={`d${i.id}`}>{dayName(i.at)}</div>)
    parts.push(<Item key={i.id} i={i} c={c} repeatSubject={before?.subject ?? c.subject} />)
    before = i
  }
  return (
    <div
      className="log" ref={box} role="log" tabIndex={0} aria-label={t('conv.messages')} data-testid="messages"
      onScroll={(e) => {
        const el = e.currentTarget
        // Only the reader's own scrolling up lets go of the end; growing content does not.
        if (el.scrollHeight - el.scrollTop - el.clientHeight < 60) stuck.current = true
        else if (el.scrollTop < top.current - 2) stuck.current = false
        top.current = el.scrollTop
      }}
    >
      <div>
        {head}
        {c.has_earlier && (
          <div style={{ textAlign: 'center', marginBottom: 12 }}>
            <Button variant="default" loading={earlier.isPending} onClick={() => earlier.mutate()} data-testid="earlier">{t('conv.earlier')}</Button>
          </div>
        )}
        {parts}
        {outgoing.map((o) => <Pending key={o.body.client_id} o={o} />)}
        {foot}
      </div>
    </div>
  )
}

function Item({ i, c, repeatSubject }: { i: Interaction; c: Conversation; repeatSubject: string | null }) {
  const { t } = useTranslation()
  const me = useMe()
  const channelName = useChannelName()
  const nameOf = useWho()
  const said = useSaid()
  const unsent = useUnsent()
  if (i.kind === 'system')
    return (
      <div className="sys" data-testid="message" data-kind="system"><span title={fullDate(i.at)}><bdi>{said(i.text, i.said)}</bdi> · {clock(i.at)}</span></div>
    )
  const note = i.kind === 'note'
  const out = i.direction !== 'in'
  const who = i.automatic && !(i.message?.consent && !out)
    ? t('conv.automatic')
    : i.agent
      ? i.agent.id === me.agent.id ? t('conv.you') : i.agent.name
      : nameOf(i.contact?.name ? i.contact : c.contact)
  const bad = i.status === 'failed' || i.status === 'unknown'
  const plain = (s: string | null) => (s ?? '').replace(/^((re|aw|fw|fwd|回复|答复|转发)\s*[:：]\s*)+/i, '').trim()
  const subject = isMail(i.channel) && i.subject && plain(i.subject) !== plain(repeatSubject) ? i.subject : null
  const shown = i.attachments.filter((a) => !(a.inline && i.html !== null))
  return (
    <article
      className={`msg${note ? ' note' : out ? ' out' : ''}${bad ? ' bad' : ''}${i.html !== null ? ' wide' : ''}`}
      data-testid="message" data-kind={i.kind} data-direction={i.direction} data-status={i.status} id={messageAnchor(i.id)} tabIndex={-1}
    >
      <div className="h">
        <strong dir="auto">{note ? t('conv.noteBy', { name: who }) : who}</strong>
        {!note && i.channel && <span>{channelName(i.channel)}</span>}
        <time dateTime={i.at} title={fullDate(i.at)}>{clock(i.at)}</time>
        {i.direction === 'out' && !bad && !isCall(i.channel) && <Delivery status={i.status} send={i.delivery} conversation={c.id} />}
        {i.direction === 'in' && !i.verified && !isCall(i.channel) && (
          <span className="pill soon" style={{ lineHeight: '16px' }} title={t('conv.unverifiedHint')}>{t('conv.unverified')}</span>
        )}
      </div>
      {subject && <div dir="auto" className="subjectline">{subject}</div>}
      {i.message && <FactsAbove facts={i.message} conversation={i.conversation_id} />}
      {!spelledOut(i) && <MessageBody i={i} who={who} />}
      <Files files={shown} />
      {i.message && <FactsBelow i={i} facts={i.message} account={c.reply_channels.find((r) => r.channel === i.channel && r.templates)?.account_id} />}
      {i.unseen && (
        <div className={i.unseen.state === 'left' ? 'filestate lost' : 'filestate'} role="note" data-testid="unseen" data-state={i.unseen.state}>
          <Icon name={i.unseen.state === 'left' ? 'warn' : i.unseen.state === 'back' ? 'check' : 'mail'} small />
          <span>{t(`conv.unseen.${i.unseen.state}`, { address: i.unseen.to })}</span>
        </div>
      )}
      {bad && (
        <div className="failure" role="note">
          <Icon name="warn" small />
          <strong>{t(`delivery.${i.status}`)}</strong>
          {(i.delivery?.code || i.error) && (
            <span data-testid="delivery-error">{unsent(i.delivery?.code ? i.delivery : { code: null, params: {}, error: i.error })}</span>
          )}
          {i.status === 'unknown' && i.delivery?.next_try_at && <span>{t('delivery.resends', { at: clock(i.delivery.next_try_at) })}</span>}
          {i.delivery && 'send.settle' in me.permissions && <Settle id={i.delivery.id} status={i.status} conversation={c.id} />}
        </div>
      )}
    </article>
  )
}

/** A place is shown as one; its text is the same in words. */
const spelledOut = (i: Interaction) => Boolean(i.message?.location) && i.text.startsWith('📍')

const LATE = 60_000 // ms after which what should have left has not

function Delivery({ status, send, conversation }: { status: string; send: SendState | null; conversation: number }) {
  const { t } = useTranslation()
  if (status === 'pending' && send) return <PendingSend send={send} conversation={conversation} />
  return (
    <span data-testid="delivery" data-status={status} className="hflex" style={{ gap: 3 }}>
      {(status === 'delivered' || status === 'read') && <Icon name="check" small />}
      {t(`delivery.${status}`)}
    </span>
  )
}

/** What has not left yet: why, and when it is tried again. Read anew when that has been. */
function PendingSend({ send, conversation }: { send: SendState; conversation: number }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const unsent = useUnsent()
  const now = useNow(5_000)
  const next = send.next_try_at === null ? null : Date.parse(send.next_try_at)
  useEffect(() => {
    if (!send.code || next === null) return
    const timer = setTimeout(() => void client.invalidateQueries({ queryKey: ['conversation', conversation] }), Math.max(15_000, next - Date.now() + 5_000))
    return () => clearTimeout(timer)
  }, [client, conversation, send, next])
  const overdue = next !== null && now - next > LATE
  if (send.code)
    return (
      <span style={{ color: 'var(--late)' }} data-testid="delivery" data-status="waiting" data-code={send.code}>
        {next !== null && next > now ? t('delivery.waiting', { at: clock(next), why: unsent(send) }) : t('delivery.trying', { why: unsent(send) })}
      </span>
    )
  return <span data-testid="delivery" data-status={overdue ? 'late' : 'pending'}>{t(overdue ? 'delivery.late' : 'delivery.pending')}</span>
}

/** A supervisor's word on what nobody knows, or on what failed. */
function Settle({ id, status, conversation }: { id: number; status: string; conversation: number }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const settle = useMutation({
    mutationFn: (arrived: boolean) => api.settleOne(id, arrived),
    onError: complain,
    onSettled: () => {
      for (const key of [['conversation', conversation], ['unsettled']]) void client.invalidateQueries({ queryKey: key })
    },
  })
  return (
    <span className="hflex" style={{ gap: 6 }}>
      {status === 'unknown' && <Button size="xs" variant="default" disabled={settle.isPending} onClick={() => settle.mutate(true)} data-testid="settle-arrived">{t('unsettled.arrived')}</Button>}
      <Button size="xs" variant="default" disabled={settle.isPending} onClick={() => settle.mutate(false)} data-testid="settle-again">{t('unsettled.again')}</Button>
    </span>
  )
}

function Pending({ o }: { o: Outgoing }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const failed = o.state === 'failed'
  return (
    <article className={`msg ${o.kind === 'note' ? 'note' : 'out'}${failed ? ' bad' : ''}`} data-testid="message" data-status={failed ? 'unsent' : 'sending'}>
      <div className="h">
        <strong>{o.kind === 'note' ? t('conv.noteBy', { name: t('conv.you') }) : t('conv.you')}</strong>
        {o.kind === 'message' && o.channel && <span>{channelName(o.channel)}</span>}
        <time dateTime={o.at}>{clock(o.at)}</time>
        {!failed && <span>{t('delivery.sending')}</span>}
      </div>
      <div dir="auto" className="body"><Words text={o.shown ?? o.body.text} /></div>
      {o.files.length > 0 && (
        <div className="files">{o.files.map((f) => <span key={f.name} className="file"><Icon name="clip" small /><span dir="auto" className="cut">{f.name}</span></span>)}</div>
      )}
      {failed && (
        <div className="failure">
          <Icon name="warn" small />
          <span className="grow">{o.error || t('delivery.unsent')}</span>
          <Button variant="default" onClick={() => void retry(o.body.client_id)} data-testid="retry">{t('delivery.retry')}</Button>
          <Button variant="default" onClick={() => discard(o.body.client_id)}>{t('delivery.discard')}</Button>
        </div>
      )}
    </article>
  )
}
