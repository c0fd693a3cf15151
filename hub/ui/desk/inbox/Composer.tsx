import { ActionIcon, Button, TextInput } from '@mantine/core'
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query'
import { type Ref as ReactRef, useId, useImperativeHandle, useMemo, useRef, useState } from 'react'
import { flushSync } from 'react-dom'
import { useTranslation } from 'react-i18next'
import type { Conversation, Upload } from '../api'
import { freshId } from '../../realtime/ids'
import { composing, type Draft } from '../mail'
import { pictures, placed, removed } from './pictures'
import '../mail.css'
import { OptOuts } from '../messaging/Consent'
import { Counter, excess } from '../messaging/Counter'
import '../messaging/messaging.css'
import { asSent, asShown, type Filling, isWhole, TemplatePicker } from '../messaging/TemplatePicker'
import { useWindow, WindowBar } from '../messaging/Window'
import { useChannelName, useLatest, useWho } from '../parts/bits'
import { Icon } from '../parts/icons'
import { useCompact } from '../parts/screen'
import { can, isMail } from '../state/channels'
import { contact as contactQuery } from '../parts/queries'
import { useLive } from '../state/live'
import { sendOut } from '../state/outbox'
import { remember, remembered } from '../state/prefs'
import { Canned } from './Canned'
import { Extras, keyOf, SendBy, type Tab, Tabs, Tool } from './ComposerParts'
import { FileChips } from './FileChips'
import { Copies, Later, Recipients, Scheduled, Signature, UNDO_SECONDS, Undo, usePeople } from './Letterhead'
import { useUploads } from './uploads'

export interface ComposerHandle { focus(tab: Tab): void; canned(): void }

interface Props {
  c: Conversation; company: string[]; resolved: () => void; ref: ReactRef<ComposerHandle>
  writing: boolean; setWriting: (on: boolean) => void
  /** Whether to answer is what comes next. */
  next: boolean
}

/** One line until it is used; then at most two fifths of the height, and what does not fit scrolls above the buttons. */
export function Composer({ c, company, resolved, ref, writing, setWriting, next }: Props) {
  const { t } = useTranslation()
  const live = useLive()
  const who = useWho()
  const channelName = useChannelName()
  const [tab, setTab] = useState<Tab>('reply')
  const [text, setText] = useState(() => remembered(`draft.${c.id}.reply`, ''))
  const [subject, setSubject] = useState('')
  const { files, setFiles, uploading, add } = useUploads()
  const [picked, setPicked] = useState<string | null>(null)
  const [menu, setMenu] = useState(false)
  const [undo, setUndo] = useState<{ id: number; until: number; pictures: number[] } | null>(null)
  const [filling, setFilling] = useState(false)
  const [more, setMore] = useState(false)
  const compact = useCompact()
  const [template, setTemplate] = useState<Filling | null>(null)
  const full = template !== null || (compact ? more : writing)
  const client = useQueryClient()
  const area = useRef<HTMLTextAreaElement>(null)
  const body = useRef<HTMLDivElement>(null)
  const typed = useRef(0)

  const channel = useMemo(
    () =>
      c.reply_channels.find((r) => keyOf(r) === picked) ??
      c.reply_channels.find((r) => r.channel === c.channel) ??
      c.reply_channels[0],
    [c.reply_channels, c.channel, picked],
  )
  const needsSubject = tab === 'reply' && isMail(channel?.channel) && !c.subject
  const reply = tab === 'reply'
  const blocked = reply && !channel
  const mail = reply && isMail(channel?.channel)
  const texting = reply && channel && can(channel.channel).form === 'text' ? channel : null
  const left = useWindow(texting?.window_ends, c.skew)
  // Once free text is over, what was being written waits for the customer's next message.
  const templating = texting !== null && (left === 0 || filling)
  const over = texting && !templating ? excess(text.trim(), texting.max_length) : 0
  const ready = templating ? isWhole(template) : (text.trim() !== '' || files.length > 0) && over === 0
  const known = useQuery({ ...composing(c.id, c.seq), enabled: c.reply_channels.some((r) => isMail(r.channel)), placeholderData: keepPreviousData }).data
  const people = usePeople(c.id, known)

  /** Into the text, or whatever stands in its place. */
  const focus = () => (area.current ?? body.current?.querySelector<HTMLElement>('[data-focus], input'))?.focus()
  const change = (next: string) => {
    setText(next)
    setWriting(true)
    remember(`draft.${c.id}.${tab}`, next)
    if (tab === 'reply' && Date.now() - typed.current > 3_000) {
      typed.current = Date.now()
      live.tell(c.topic, 'typing')
    }
  }
  const turn = (to: Tab) => {
    setTab(to)
    setText(remembered(`draft.${c.id}.${to}`, ''))
    setMenu(false)
  }
  const choose = (key: string) => {
    setPicked(key)
    setFilling(false)
    setTemplate(null)
  }
  const fill = (on: boolean) => {
    setWriting(true)
    setFilling(on)
    setTemplate(null)
    requestAnimationFrame(focus)
  }
  const fold = () => {
    setMore(false)
    setWriting(false)
    setMenu(false)
    if (tab === 'note' && !text.trim()) turn('reply')
    // On with reading: by the arrow keys at once, and letters are commands again.
    body.current?.closest('.conv')?.querySelector<HTMLElement>('.log')?.focus()
  }
  const unfold = (to: Tab) => {
    if (tab !== to) turn(to)
    setWriting(true)
    requestAnimationFrame(focus)
  }
  const state = useLatest({ tab, turn })
  useImperativeHandle(ref, () => ({
    focus: (to) => {
      // At once and not in the next frame: who presses R goes on typing, and no letter may fall between.
      if (state.current.tab !== to) flushSync(() => state.current.turn(to))
      focus()
    },
    canned: () => {
      if (state.current.tab !== 'reply') state.current.turn('reply')
      setWriting(true)
      setMenu(true)
      area.current?.focus()
    },
  }))

  const send = async (andResolve: boolean, sendAt?: string) => {
    if (!ready || blocked || uploading || (mail && !people.valid)) return
    const client_id = freshId()
    const note = tab === 'note'
    const words = templating ? '' : text.trim()
    const filled = templating && template ? { template: asSent(template) } : {}
    const sent = templating ? [] : files.filter((f) => !pictures(words).includes(f.id))
    if (templating) {
      setTemplate(null)
      setFilling(false)
    } else {
      setText('')
      remember(`draft.${c.id}.${tab}`, '')
      setFiles([])
    }
    setMenu(false)
    requestAnimationFrame(focus)
    const stored = await sendOut({
      conversation: c.id,
      kind: note ? 'note' : 'message',
      channel: note ? null : (channel?.channel ?? null),
      files: note ? [] : sent.map((f) => ({ name: f.name, size: f.size })),
      ...(templating && template ? { shown: asShown(template) } : {}),
      body: note
        ? { client_id, text: words }
        : {
            client_id, text: words, channel: channel?.channel, address_id: channel?.address_id, account_id: channel?.account_id, ...filled,
            ...(needsSubject && subject.trim() ? { subject: subject.trim() } : {}),
            ...(andResolve ? { resolve: true } : {}),
            ...(sent.length ? { attachments: sent.map((f) => f.id) } : {}),
            ...(mail ? { ...people.chosen, undo_seconds: UNDO_SECONDS, ...(sendAt ? { send_at: sendAt } : {}) } : {}),
          },
    })
    if (stored && mail && !sendAt) setUndo({ id: stored.id, until: Date.now() + UNDO_SECONDS * 1000, pictures: pictures(words) })
    if (stored && mail) people.clear()
    if (stored && andResolve && !note) resolved()
  }
  /** What was taken back stands here again; what was being written meanwhile comes after it. */
  const back = (draft: Draft) => {
    setUndo(null)
    setWriting(true)
    if (tab !== 'reply') turn('reply')
    const begun = remembered(`draft.${c.id}.reply`, '')
    const whole = begun.trim() ? `${draft.text}\n\n${begun}` : draft.text
    setText(whole)
    remember(`draft.${c.id}.reply`, whole)
    setFiles((old) => [...draft.attachments, ...old])
    setSubject(draft.subject)
    people.restore(draft.cc, draft.bcc)
    void client.invalidateQueries({ queryKey: ['conversation', c.id] })
    void client.invalidateQueries({ queryKey: ['composing', c.id] })
    area.current?.focus()
  }
  const place = (picture: Upload) => {
    const at = area.current?.selectionStart ?? text.length
    const now = area.current?.value ?? text
    change(placed(now, at, picture))
  }
  const attach = (list: Iterable<File>, inText = false) => {
    setWriting(true)
    return add(list, mail ? known?.max_file_bytes : undefined, (stored, file) => inText && file.type.startsWith('image/') && place(stored))
  }
  const insert = (body: string, newSubject: string | null) => {
    change(/^\/\S*$/.test(text.trim()) ? body : text ? `${text.trimEnd()}\n\n${body}` : body)
    if (newSubject) setSubject(newSubject)
    setMenu(false)
    area.current?.focus()
  }
  const slash = tab === 'reply' ? /^\/(\S*)$/.exec(text)?.[1] : undefined
  const open = menu || slash !== undefined
  const unready = blocked || !ready || uploading > 0
  const panel = useId()
  const counter = useId()
  const locale = useQuery({ ...contactQuery(c.contact.id), enabled: templating }).data?.locale

  const sends = (
    <Button disabled={unready} onClick={() => void send(false)} data-testid="send">
      {tab === 'note' ? t('composer.addNote') : t('composer.send')}
      {full && <span className="wide-only">&nbsp;<kbd>Ctrl ↵</kbd></span>}
    </Button>
  )
  const copies = <Copies people={people} replyTo={known?.reply_to ?? null} />
  const hint = blocked
    ? t(c.opted_out.length ? 'composer.optedOut' : 'composer.noChannel')
    : reply && !full && channel ? t('composer.replyBy', { name: who(c.contact), channel: channelName(channel.channel) }) : t(`composer.${tab}Hint`)

  return (
    <div
      className={`comp ${full ? 'full' : 'line'}${tab === 'note' ? ' note' : ''}`} data-testid="composer" data-open={full}
      onDragOver={(e) => e.preventDefault()}
      onDrop={(e) => {
        e.preventDefault()
        if (tab === 'reply') void attach(e.dataTransfer.files)
      }}
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || e.defaultPrevented || open || e.nativeEvent.isComposing || !(full || writing) || !e.currentTarget.contains(e.target as Node)) return
        e.preventDefault()
        fold()
      }}
    >
      {open && (
        <Canned
          channel={channel?.channel ?? c.channel} account={channel?.account_id ?? null} filter={slash ?? ''} conversation={c.id} pick={insert}
          close={() => {
            setMenu(false)
            if (slash !== undefined) change('')
            area.current?.focus()
          }}
        />
      )}
      <div className="above">
        {undo && <Undo conversation={c.id} undo={undo} back={back} over={() => setUndo(null)} />}
        {tab === 'reply' && known && <Scheduled conversation={c.id} items={known.scheduled.filter((s) => s.interaction_id !== undo?.id)} back={back} />}
        {reply && c.opted_out.length > 0 && <OptOuts contact={c.contact.id} places={c.opted_out} />}
        {texting && left === 0 && <WindowBar left={left} templates={texting.templates} filling={filling} turn={fill} />}
        {company.length > 0 && tab === 'reply' && text && <div className="meta warned">{t('composer.collision', { names: company.join(', ') })}</div>}
      </div>
      {full ? (
        <div className="top">
          <Tabs tab={tab} turn={turn} panel={panel} />
          {mail && !compact && copies}
          <span className="grow" />
          {tab === 'reply' && c.reply_channels.length > 0 && <SendBy channels={c.reply_channels} chosen={channel} choose={choose} />}
          <Tool name={t('composer.fold')} letter={compact ? undefined : 'Esc'} icon="down" press={fold} id="fold" />
        </div>
      ) : compact ? (
        <Tool name={t('composer.more')} icon="plus" press={() => { setMore(true); setWriting(true) }} id="unfold" />
      ) : null}
      <div
        className="mid" id={panel} role={full ? 'tabpanel' : undefined} aria-labelledby={full ? `${panel}-${tab}` : undefined} ref={body} onFocus={() => setWriting(true)}
        onKeyDown={(e) => {
          // Enter that ends an input-method word belongs to the word; a dialog's keys come here too, but are its own.
          if (e.key !== 'Enter' || !(e.ctrlKey || e.metaKey) || e.nativeEvent.isComposing || !e.currentTarget.contains(e.target as Node)) return
          e.preventDefault()
          void send(e.shiftKey)
        }}
      >
        {full && texting && left !== 0 && <WindowBar left={left} templates={texting.templates} filling={filling} turn={fill} />}
        {full && mail && compact && <div className="hflex copies">{copies}</div>}
        {full && mail && <Recipients people={people} />}
        {full && needsSubject && (
          <TextInput size="xs" mb={6} label={t('composer.subject')} maxLength={1000} value={subject} onChange={(e) => setSubject(e.currentTarget.value)} />
        )}
        {templating ? (texting.templates && (
          <TemplatePicker
            key={texting.account_id} take={filling} account={texting.account_id} locale={locale} value={template} change={setTemplate}
            close={left === 0 ? fold : () => fill(false)} folded={!full && !writing}
          />
        )) : (
          <textarea
            ref={area} dir="auto" rows={1} value={text} aria-label={t(`composer.${tab}`)} data-testid="composer-text" disabled={blocked} aria-describedby={texting ? counter : undefined}
            placeholder={hint}
            onChange={(e) => change(e.currentTarget.value)}
            onPaste={(e) => {
              if (tab === 'reply' && e.clipboardData.files.length) {
                e.preventDefault()
                void attach(e.clipboardData.files, mail) // a picture stands where it was pasted
              }
            }}
          />
        )}
        {texting && !templating && (full || over > 0) && (
          <Counter
            id={counter} channel={texting.channel} text={text.trim()} most={texting.max_length} price={texting.price} currency={texting.currency}
            files={files.length} change={change}
          />
        )}
        {full && mail && <Signature text={known?.signatures.find((s) => s.account_id === channel?.account_id)?.text ?? ''} />}
        <FileChips
          files={files} uploading={uploading} inText={pictures(text)}
          remove={(f) => {
            setFiles((old) => old.filter((x) => x.id !== f.id))
            if (pictures(text).includes(f.id)) change(removed(text, f.id))
          }}
        />
      </div>
      {full ? (
        <div className="foot">
          {reply && !templating && <Extras open={open} canned={() => setMenu(!menu)} attach={(list) => void attach(list)} />}
          <span className="grow" />
          {reply && c.status !== 'resolved' && (
            <Button variant="default" disabled={unready} onClick={() => void send(true)} data-testid="send-resolve">
              {t('composer.sendResolve')}
            </Button>
          )}
          <span className="split">
            {sends}
            {mail && <Later disabled={(!text.trim() && !files.length) || uploading > 0} choose={(at) => void send(false, at)} />}
          </span>
        </div>
      ) : compact ? (
        <ActionIcon variant="filled" size={44} radius={22} disabled={unready} aria-label={tab === 'note' ? t('composer.addNote') : t('composer.send')} onClick={() => void send(false)} data-testid="send">
          <Icon name="send" />
        </ActionIcon>
      ) : (
        <div className="foot">
          <Tool name={t('composer.note')} letter="N" icon="note" press={() => unfold('note')} id="tab-note" />
          {reply && !templating && <Extras open={open} canned={() => { setWriting(true); setMenu(true); requestAnimationFrame(focus) }} attach={(list) => void attach(list)} />}
          {ready ? sends : (
            <Button variant={next ? 'filled' : 'default'} onClick={() => unfold('reply')} title={`${t('composer.reply')} (R)`} data-testid="reply">{t('composer.reply')}</Button>
          )}
        </div>
      )}
    </div>
  )
}
