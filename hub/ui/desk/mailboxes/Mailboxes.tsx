/** The mailboxes, how they fare, and what can be done about it; for administrators. */
import { Button, Modal, Switch } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ago, size, stamp } from '../format'
import { mail, type Mailbox, mailboxes, type Reconciled } from '../mail'
import '../mail.css'
import { complain, explain } from '../parts/ask'
import { Empty } from '../parts/bits'
import { useNow } from '../parts/clock'
import { Icon } from '../parts/icons'
import { SilentAccount } from '../parts/SilentAccount'
import { Checks } from './Checks'
import { MailboxForm } from './MailboxForm'
import './words'

export function MailboxesPage() {
  const { t } = useTranslation()
  const found = useQuery(mailboxes)
  const { edit } = useSearch({ strict: false }) // another page leads to the form of one
  const navigate = useNavigate()
  const [picked, setEditing] = useState<Mailbox | 'new' | null>(null)
  const editing = picked ?? found.data?.find((box) => box.id === edit) ?? null
  const close = () => {
    setEditing(null)
    if (edit) void navigate({ to: '/mailboxes', replace: true })
  }
  return (
    <main className="page" data-testid="mailboxes" tabIndex={-1}>
      <div className="hflex">
        <h1 className="grow">{t('boxes.title')}</h1>
        <Button onClick={() => setEditing('new')} leftSection={<Icon name="plus" small />} data-testid="add-mailbox">{t('boxes.add')}</Button>
      </div>
      {found.isError && <div className="alert" role="alert">{explain(found.error)}</div>}
      {found.data?.length === 0 && <Empty icon="mail" title={t('boxes.none')} />}
      <div className="boxes">{found.data?.map((box) => <Box key={box.id} box={box} edit={() => setEditing(box)} />)}</div>
      {editing && <MailboxForm box={editing === 'new' ? null : editing} close={close} />}
    </main>
  )
}

function Box({ box, edit }: { box: Mailbox; edit: () => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [comparing, setComparing] = useState(false)
  const test = useMutation({ mutationFn: () => mail.test(box.id), onError: complain })
  const turn = useMutation({
    mutationFn: (enabled: boolean) => mail.change(box.id, { enabled }),
    onSuccess: () => client.invalidateQueries({ queryKey: mailboxes.queryKey }),
    onError: complain,
  })
  return (
    <section className="panel box" data-testid="mailbox" data-id={box.id} aria-label={box.name}>
      <header>
        <div style={{ minWidth: 0 }}>
          <h2 dir="auto" className="cut">{box.name}</h2>
          <span dir="auto" className="mut cut">{box.address}</span>
        </div>
        <State box={box} />
      </header>
      <Facts box={box} />
      <Reading box={box} />
      {box.enabled && box.health.error && <p className="wrong" data-testid="mailbox-error" style={{ margin: '8px 0 0' }}>{box.health.error}</p>}
      {box.enabled && <SilentAccount sending={box.health.sending} />}
      {test.data && <Checks items={test.data.items} />}
      <div className="hflex" style={{ marginTop: 12, flexWrap: 'wrap' }}>
        <Button size="xs" variant="default" onClick={edit} leftSection={<Icon name="edit" small />} data-testid="edit-mailbox">{t('boxes.edit')}</Button>
        <Button size="xs" variant="default" loading={test.isPending} onClick={() => test.mutate()} data-testid="test-mailbox">{t('boxes.test')}</Button>
        {box.settings.imap && (
          <Button size="xs" variant="default" onClick={() => setComparing(true)} data-testid="compare-mailbox">{t('boxes.compare')}</Button>
        )}
        <span className="grow" />
        <Switch checked={box.enabled} disabled={turn.isPending} label={t('boxes.enabled')} onChange={(e) => turn.mutate(e.currentTarget.checked)} />
      </div>
      {comparing && <Compare box={box} close={() => setComparing(false)} />}
    </section>
  )
}

function State({ box }: { box: Mailbox }) {
  const { t } = useTranslation()
  if (!box.enabled) return <span className="pill line">{t('boxes.off')}</span>
  if (box.health.error) return <span className="pill late" data-testid="mailbox-state"><Icon name="warn" small />{t('boxes.trouble')}</span>
  if (box.health.sending) return <span className="pill late" data-testid="mailbox-state"><Icon name="warn" small />{t('silent.short')}</span>
  const well = box.health.last_fetch ?? box.health.listening ?? (box.settings.imap ? null : 'out')
  return <span className={`pill ${well ? 'ok' : 'soon'}`} data-testid="mailbox-state">{well ? t('boxes.well') : t('boxes.starting')}</span>
}

function Facts({ box }: { box: Mailbox }) {
  const { t } = useTranslation()
  const now = useNow(10_000)
  const { imap, smtp } = box.settings
  return (
    <div className="facts">
      {imap && <span>{t('boxes.from', { host: `${imap.host}:${imap.port}` })}</span>}
      {smtp && <span>{t('boxes.through', { host: `${smtp.host}:${smtp.port}` })}</span>}
      {box.health.listening && <span>{t('boxes.listens', { at: box.health.listening })}</span>}
      {box.queue && <span>{t('boxes.queue', { name: box.queue.name })}</span>}
      {box.health.last_fetch && <span title={stamp(box.health.last_fetch)}>{t('boxes.fetched', { ago: ago(box.health.last_fetch, now) })}</span>}
      {box.health.lag_seconds !== null && imap && <span>{t('boxes.lag', { seconds: box.health.lag_seconds })}</span>}
    </div>
  )
}

/** How far the first reading has come. */
function Reading({ box }: { box: Mailbox }) {
  const { t } = useTranslation()
  const p = box.health.progress
  if (!p?.total || p.done >= p.total) return null
  const percent = Math.floor((100 * p.done) / p.total)
  return (
    <div style={{ marginTop: 8 }}>
      <span className="meta">{t('boxes.reading', { done: p.done.toLocaleString(), total: p.total.toLocaleString() })}</span>
      <div className="reading" role="progressbar" aria-label={box.name} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100} data-testid="mailbox-progress">
        <i ref={(el) => { if (el) el.style.width = `${percent}%` }} />
      </div>
    </div>
  )
}

function Compare({ box, close }: { box: Mailbox; close: () => void }) {
  const { t } = useTranslation()
  const [found, setFound] = useState<Reconciled | null>(null)
  const first = useQuery({
    queryKey: ['reconcile', box.id], gcTime: 0, retry: false,
    queryFn: async () => {
      const r = await mail.reconcile(box.id, false)
      setFound(r)
      return r
    },
  })
  const again = useMutation({ mutationFn: () => mail.reconcile(box.id, true), onSuccess: setFound, onError: complain })
  const left = found ? found.missing - found.refetched : 0
  return (
    <Modal opened onClose={close} title={t('boxes.compareTitle', { name: box.name })} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>
      <div data-testid="compare-dialog" style={{ display: 'grid', gap: 12 }}>
        {first.isError && <div className="alert" role="alert">{explain(first.error)}</div>}
        {first.isPending && <span className="mut">{t('common.loading')}</span>}
        {found && (
          <>
            <p style={{ margin: 0 }} role="status" data-testid="compare-result">
              {t('boxes.result', { server: found.on_server, stored: found.stored + found.refetched, unwanted: found.unwanted, missing: left })}
            </p>
            {left > 0 && (
              <>
                <div style={{ overflowX: 'auto' }}>
                  <table className="tbl">
                    <tbody>
                      {found.differences.map((m) => (
                        <tr key={m.uid}><td>{m.received ? stamp(m.received) : ''}</td><td>{m.sender}</td><td>{m.subject}</td><td className="r">{size(m.size)}</td></tr>
                      ))}
                    </tbody>
                  </table>
                </div>
                <Button loading={again.isPending} onClick={() => again.mutate()} data-testid="refetch">{t('boxes.refetch')}</Button>
              </>
            )}
          </>
        )}
      </div>
    </Modal>
  )
}
