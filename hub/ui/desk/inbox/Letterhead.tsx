/** What surrounds the text of a mail: who gets it, when it leaves, what stands below it, and the way back. */
import { ActionIcon, Button, Menu, Modal, TagsInput } from '@mantine/core'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Problem } from '../api'
import { stamp } from '../format'
import { type Composing, type Draft, mail } from '../mail'
import { complain, say } from '../parts/ask'
import { useNow } from '../parts/clock'
import { Icon } from '../parts/icons'

export const UNDO_SECONDS = 10
const ADDRESS = /^[^\s@<>,;:"()]+@[^\s@<>,;:"()]+\.[^\s@<>,;:"()]+$/

export interface People {
  everybody: string[]; all: boolean; cc: string[]; bcc: string[]; shown: boolean; valid: boolean
  chosen: { cc?: string[]; bcc?: string[] }
  setCc(next: string[]): void; setBcc(next: string[]): void; answerAll(on: boolean): void; show(): void; clear(): void
  restore(cc: string[], bcc: string[]): void
}

/** The copies of an answer: the proposal until somebody chooses, then what they chose. */
export function usePeople(conversation: number, known: Composing | undefined): People {
  const [mine, setMine] = useState<{ of: number; cc: string[]; bcc: string[] } | null>(null)
  const [open, setOpen] = useState(false)
  const everybody = known?.everybody ?? []
  const own = mine?.of === conversation ? mine : null
  const cc = own?.cc ?? (known?.answer_all ? everybody : [])
  const bcc = own?.bcc ?? []
  const set = (next: { cc?: string[]; bcc?: string[] }) => setMine({ of: conversation, cc: next.cc ?? cc, bcc: next.bcc ?? bcc })
  return {
    everybody, cc, bcc,
    all: everybody.length > 0 && everybody.every((a) => cc.includes(a)),
    shown: open || cc.length > 0 || bcc.length > 0,
    valid: [...cc, ...bcc].every((a) => ADDRESS.test(a)),
    chosen: { ...(cc.length ? { cc } : {}), ...(bcc.length ? { bcc } : {}) },
    setCc: (next) => set({ cc: next }),
    setBcc: (next) => set({ bcc: next }),
    answerAll: (on) => set({ cc: on ? [...new Set([...cc, ...everybody])] : cc.filter((a) => !everybody.includes(a)) }),
    show: () => setOpen(true),
    clear: () => {
      setMine(null)
      setOpen(false)
    },
    restore: (oldCc, oldBcc) => setMine({ of: conversation, cc: oldCc, bcc: oldBcc }),
  }
}

/** Who else gets it: everybody of the mail that is answered, or whom one names. */
export function Copies({ people, replyTo }: { people: People; replyTo: string | null }) {
  const { t } = useTranslation()
  return (
    <>
      {people.everybody.length > 0 && (
        <button type="button" className="linklike" aria-pressed={people.all} data-testid="reply-all" onClick={() => people.answerAll(!people.all)}>
          {people.all ? <Icon name="check" small /> : <Icon name="people" small />} {t('letter.all', { n: people.everybody.length + 1 })}
        </button>
      )}
      {!people.shown && (
        <button type="button" className="linklike" data-testid="show-copies" onClick={people.show}>{t('letter.copies')}</button>
      )}
      {replyTo && <span className="meta cut" title={t('letter.goesTo', { address: replyTo })}>{t('letter.goesTo', { address: replyTo })}</span>}
    </>
  )
}

export function Recipients({ people }: { people: People }) {
  const { t } = useTranslation()
  const field = (label: string, value: string[], change: (next: string[]) => void, id: string) => (
    <TagsInput
      size="xs" aria-label={label} value={value} onChange={change} splitChars={[',', ';', ' ', '，', '；']} maxTags={50} acceptValueOnBlur
      error={value.some((a) => !ADDRESS.test(a)) ? t('letter.notAnAddress', { address: value.find((a) => !ADDRESS.test(a)) ?? '' }) : undefined}
      data-testid={id} placeholder={value.length ? undefined : 'name@example.com'}
    />
  )
  if (!people.shown) return null
  return (
    <div className="rcpt">
      <label aria-hidden="true">{t('letter.cc')}</label>
      {field(t('letter.cc'), people.cc, people.setCc, 'cc')}
      <label aria-hidden="true">{t('letter.bcc')}</label>
      {field(t('letter.bcc'), people.bcc, people.setBcc, 'bcc')}
    </div>
  )
}

export function Signature({ text }: { text: string }) {
  const { t } = useTranslation()
  if (!text) return null
  return <p className="sig" aria-label={t('letter.signature')} data-testid="signature" tabIndex={0}>{text}</p>
}

function useCancel(conversation: number, back: (draft: Draft) => void, gone: () => void) {
  const { t } = useTranslation()
  return useMutation({
    mutationFn: (interaction: number) => mail.cancel(conversation, interaction),
    onSuccess: (draft) => {
      back(draft)
      say(t('letter.takenBack'))
    },
    onError: (e) => {
      if (e instanceof Problem && e.status === 409) gone()
      complain(e)
    },
  })
}

/** Ten seconds in which what was sent can be taken back. */
export function Undo({ conversation, undo, back, over }: {
  conversation: number; undo: { id: number; until: number }; back: (draft: Draft) => void; over: () => void
}) {
  const { t } = useTranslation()
  const now = useNow(500)
  const cancel = useCancel(conversation, back, over)
  const left = Math.ceil((undo.until - now) / 1000)
  const done = left <= 0 && !cancel.isPending
  useEffect(() => {
    if (done) over()
  }, [done, over])
  if (done) return null
  return (
    <div className="wait undo" role="status" data-testid="undo">
      <Icon name="send" small />
      <span dir="auto" className="cut">{t('letter.leaves')} <span aria-hidden="true">{Math.max(0, left)}</span></span>
      <Button size="compact-sm" variant="light" loading={cancel.isPending} onClick={() => cancel.mutate(undo.id)} leftSection={<Icon name="undo" small />} data-testid="undo-send">
        {t('letter.undo')}
      </Button>
    </div>
  )
}

/** Answers that wait for their time. */
export function Scheduled({ conversation, items, back }: { conversation: number; items: Composing['scheduled']; back: (draft: Draft) => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const cancel = useCancel(conversation, back, () => void client.invalidateQueries({ queryKey: ['composing', conversation] }))
  const far = items.filter((i) => Date.parse(i.due_at) - Date.now() > UNDO_SECONDS * 1000)
  return far.map((i) => (
    <div className="wait" key={i.interaction_id} data-testid="scheduled">
      <Icon name="clock" small />
      <span dir="auto" className="cut"><strong>{t('letter.sendsAt', { at: stamp(i.due_at) })}</strong> {i.text}</span>
      <Button size="compact-sm" variant="default" loading={cancel.isPending} onClick={() => cancel.mutate(i.interaction_id)} data-testid="cancel-scheduled">
        {t('letter.cancel')}
      </Button>
    </div>
  ))
}

function at(days: number, hour: number): Date {
  const d = new Date()
  d.setDate(d.getDate() + days)
  d.setHours(hour, 0, 0, 0)
  return d
}
const local = (d: Date) => new Date(d.getTime() - d.getTimezoneOffset() * 60_000).toISOString().slice(0, 16)

/** When it shall leave: some usual times, or any. */
export function Later({ disabled, choose }: { disabled: boolean; choose: (at: string) => void }) {
  const { t } = useTranslation()
  const [asking, setAsking] = useState(false)
  const [own, setOwn] = useState('')
  const monday = ((8 - new Date().getDay()) % 7) || 7
  const usual: [string, Date][] = [
    [t('letter.inAnHour'), new Date(Date.now() + 3_600_000)],
    [t('letter.tomorrow'), at(1, 9)],
    ...(monday > 1 ? ([[t('letter.monday'), at(monday, 9)]] as [string, Date][]) : []),
  ]
  return (
    <>
      <Menu position="top-end" withinPortal>
        <Menu.Target>
          <ActionIcon size={30} variant="filled" disabled={disabled} aria-label={t('letter.later')} title={t('letter.later')} data-testid="send-later">
            <Icon name="clock" small />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label>{t('letter.later')}</Menu.Label>
          {usual.map(([name, when]) => (
            <Menu.Item key={name} onClick={() => choose(when.toISOString())} rightSection={<span className="meta">{stamp(when.toISOString())}</span>}>{name}</Menu.Item>
          ))}
          <Menu.Item onClick={() => { setOwn(local(at(1, 9))); setAsking(true) }} data-testid="send-later-own">{t('letter.choose')}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <Modal opened={asking} onClose={() => setAsking(false)} title={t('letter.later')} size="sm" closeButtonProps={{ 'aria-label': t('common.close') }}>
        <form
          style={{ display: 'grid', gap: 12 }}
          onSubmit={(e) => {
            e.preventDefault()
            setAsking(false)
            choose(new Date(own).toISOString())
          }}
        >
          <label>
            <span style={{ display: 'block', marginBottom: 4 }}>{t('letter.when')}</span>
            <input className="plain" type="datetime-local" required min={local(new Date())} value={own} onChange={(e) => setOwn(e.currentTarget.value)} data-autofocus data-testid="send-later-at" />
          </label>
          <Button type="submit" data-testid="send-later-submit">{t('letter.schedule')}</Button>
        </form>
      </Modal>
    </>
  )
}
