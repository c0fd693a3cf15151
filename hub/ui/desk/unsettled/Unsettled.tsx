/** Sends whose outcome nobody knows: settled many at once, for supervisors. */
import '../mailboxes/words'
import { Button, Checkbox } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type UnsettledSend } from '../api'
import { clock, number, stamp } from '../format'
import '../mail.css'
import { complain, explain, say } from '../parts/ask'
import { ChannelWord, Empty } from '../parts/bits'
import { unsettled } from '../parts/queries'
import { useUnsent } from '../parts/unsent'

export function UnsettledPage() {
  const { t } = useTranslation()
  const found = useQuery(unsettled)
  return (
    <main className="page" data-testid="unsettled" tabIndex={-1}>
      <h1>{t('unsettled.title')}</h1>
      <p className="mut" style={{ maxWidth: 760 }}>{t('unsettled.hint')}</p>
      {found.isError && <div className="alert" role="alert">{explain(found.error)}</div>}
      {found.data?.length === 0 && <Empty icon="check" title={t('unsettled.none')} />}
      {found.data && found.data.length > 0 && <Sends items={found.data} />}
    </main>
  )
}

function Sends({ items }: { items: UnsettledSend[] }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [marked, setMarked] = useState<ReadonlySet<number>>(new Set())
  const ids = items.map((s) => s.id).filter((id) => marked.has(id))
  const settle = useMutation({
    mutationFn: (arrived: boolean) => api.settle(ids, arrived),
    onSuccess: (done) => {
      setMarked(new Set())
      say(t('unsettled.done', { n: number(done.settled.length) }) + (done.passed.length ? ` ${t('unsettled.passed', { n: number(done.passed.length) })}` : ''))
    },
    onError: complain,
    onSettled: () => {
      for (const key of [['unsettled'], ['conversation'], ['messaging-accounts']]) void client.invalidateQueries({ queryKey: key })
    },
  })
  const mark = (id: number, on: boolean) =>
    setMarked((old) => new Set(on ? [...old, id] : [...old].filter((one) => one !== id)))
  return (
    <section className="panel box" style={{ maxWidth: 860, marginTop: 14 }}>
      <div className="hflex" style={{ flexWrap: 'wrap', gap: 8 }}>
        <Checkbox
          label={t('unsettled.all', { n: number(items.length) })} checked={ids.length === items.length} indeterminate={ids.length > 0 && ids.length < items.length}
          onChange={(e) => setMarked(new Set(e.currentTarget.checked ? items.map((s) => s.id) : []))} data-testid="mark-all"
        />
        <span className="grow" />
        <Button size="xs" variant="default" disabled={!ids.length || settle.isPending} onClick={() => settle.mutate(true)} data-testid="all-arrived">{t('unsettled.arrived')}</Button>
        <Button size="xs" disabled={!ids.length || settle.isPending} onClick={() => settle.mutate(false)} data-testid="all-again">{t('unsettled.again')}</Button>
      </div>
      <ul style={{ listStyle: 'none', margin: '12px 0 0', padding: 0, display: 'grid', gap: 10 }}>
        {items.map((s) => <Send key={s.id} s={s} marked={marked.has(s.id)} mark={mark} />)}
      </ul>
    </section>
  )
}

function Send({ s, marked, mark }: { s: UnsettledSend; marked: boolean; mark: (id: number, on: boolean) => void }) {
  const { t } = useTranslation()
  const unsent = useUnsent()
  return (
    <li className="hflex" style={{ alignItems: 'flex-start', gap: 10 }} data-testid="unsettled-send" data-id={s.id}>
      <Checkbox checked={marked} onChange={(e) => mark(s.id, e.currentTarget.checked)} aria-label={`${s.contact.name || s.recipient}: ${s.preview}`} />
      <div style={{ minWidth: 0, flex: 1 }}>
        <div className="hflex" style={{ flexWrap: 'wrap', gap: '2px 8px' }}>
          <Link to="/inbox/$view/$id" params={{ view: 'all', id: String(s.conversation_id) }}>{s.contact.name || s.recipient}</Link>
          <ChannelWord channel={s.channel} />
          <span className="mut">{s.account}</span>
          <time className="mut" dateTime={s.wire_at ?? s.created_at}>{stamp(s.wire_at ?? s.created_at)}</time>
        </div>
        <div dir="auto" className="cut">{s.preview}</div>
        <div className="meta">{unsent(s)}{s.next_try_at && ` ${t('delivery.resends', { at: clock(s.next_try_at) })}`}</div>
      </div>
    </li>
  )
}
