/**
 * What every page for administrators is made of: the list of what there is, the form of one, what is changed and not saved
 * yet, and what was changed before, by whom. A page says what its records are called, what its columns show, and its fields.
 */
import { Button, Modal } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { RecordChange } from '../../api/schema'
import { Problem } from '../api'
import { stamp } from '../format'
import { above, complain, explain, say, wrong } from '../parts/ask'
import { Empty } from '../parts/bits'
import { Icon } from '../parts/icons'
import './admin.css'

/** What all records have in common; see hub/core/records.py. */
export interface Kept { id: number; key: string; name: string; source: string; version: number; archived_at: string | null }

export interface RecordApi<T extends Kept, D> {
  list: () => Promise<{ items: T[] }>
  create: (draft: D) => Promise<T>
  /** `sure`: whoever changes it was told what else becomes of it, where the page asks that. */
  change: (id: number, version: number, draft: Partial<D>, sure: boolean) => Promise<T>
  archive: (id: number, version: number, archived: boolean) => Promise<T>
  adopt: (id: number, version: number) => Promise<T>
  history: (id: number) => Promise<{ items: RecordChange[] }>
}

export interface Page<T extends Kept, D extends object> {
  noun: string // its words are `admin.<noun>.…`
  api: RecordApi<T, D>
  begin: (record: T | null) => D
  /** What a record is called, where that is not its name. */
  title?: (record: T) => string
  /** The line below a record's name in the list. */
  facts: (record: T) => string
  fields: (form: Form<D>, record: T | null) => ReactNode
  /** A value as people read it, in what changed. */
  shown: (field: string, value: unknown) => string
  /** The refusal that asks whether one is sure, with the words of the question. */
  asks?: { code: string; title: string; act: string }
  /** What is said when it is saved, where that is more than that it is. */
  said?: (record: T) => string
  below?: ReactNode
}

export interface Form<D> {
  draft: D
  set: (change: Partial<D>) => void
  /** What is wrong with a field, once the hub said so. */
  wrong: (field: string) => string | undefined
  locked: boolean
  fresh: boolean
}

export function RecordsPage<T extends Kept, D extends object>(page: Page<T, D>) {
  const { t } = useTranslation()
  const found = useQuery({ queryKey: ['admin', page.noun], queryFn: async () => (await page.api.list()).items })
  const [picked, setPicked] = useState<number | 'new' | null>(null)
  const [archive, setArchive] = useState(false)
  const records = found.data ?? []
  const live = records.filter((r) => !r.archived_at)
  const record = typeof picked === 'number' ? (records.find((r) => r.id === picked) ?? null) : null
  return (
    <div className="adminpage" data-testid={`admin-${page.noun}`}>
      <section className={`adminlist${picked === null ? '' : ' aside'}`} aria-label={t(`admin.${page.noun}.title`)}>
        <header>
          <h1>{t(`admin.${page.noun}.title`)}</h1>
          <Button size="xs" onClick={() => setPicked('new')} leftSection={<Icon name="plus" small />} data-testid="admin-new">{t('admin.new')}</Button>
        </header>
        {found.isError && <div className="alert" role="alert">{explain(found.error)}</div>}
        {found.isPending && <p className="mut">{t('common.loading')}</p>}
        {found.data && records.length === 0 && <Empty icon="list" title={t(`admin.${page.noun}.none`)} />}
        <ul>{live.map((r) => <Line key={r.id} record={r} title={page.title?.(r) ?? r.name} facts={page.facts(r)} current={picked === r.id} pick={() => setPicked(r.id)} />)}</ul>
        {records.length > live.length && (
          <Button size="xs" variant="subtle" aria-expanded={archive} onClick={() => setArchive(!archive)}>{t('admin.archived', { n: records.length - live.length })}</Button>
        )}
        {archive && <ul>{records.filter((r) => r.archived_at).map((r) => <Line key={r.id} record={r} title={page.title?.(r) ?? r.name} facts={page.facts(r)} current={picked === r.id} pick={() => setPicked(r.id)} />)}</ul>}
        {page.below}
      </section>
      {(picked === 'new' || record) && <Editor key={record ? `${record.id}.${record.version}` : 'new'} page={page} record={record} pick={setPicked} />}
      {picked === null && <p className="adminhint mut">{t(`admin.${page.noun}.hint`)}</p>}
    </div>
  )
}

function Line({ record, title, facts, current, pick }: { record: Kept; title: string; facts: string; current: boolean; pick: () => void }) {
  const { t } = useTranslation()
  return (
    <li>
      <button type="button" className="adminline" aria-current={current || undefined} onClick={pick} data-testid="admin-record" data-key={record.key}>
        <span className="hflex"><strong dir="auto" className="grow cut">{title}</strong>{record.source !== 'page' && <span className="pill">{t(`admin.source.${record.source}`)}</span>}</span>
        <span className="mut">{facts}</span>
      </button>
    </li>
  )
}

function Editor<T extends Kept, D extends object>({ page, record, pick }: { page: Page<T, D>; record: T | null; pick: (id: number | null) => void }) {
  const { t } = useTranslation()
  const client = useQueryClient()
  const [first] = useState(() => page.begin(record))
  const [draft, setDraft] = useState(first)
  const [confirming, setConfirming] = useState(false)
  const done = async (saved: T) => {
    await client.invalidateQueries({ queryKey: ['admin'] })
    for (const key of [['queues'], ['places'], ['agents'], ['session']]) void client.invalidateQueries({ queryKey: key })
    pick(saved.id)
  }
  const changes = changed(first, draft)
  const save = useMutation({
    mutationFn: (sure: boolean) => (record ? page.api.change(record.id, record.version, Object.fromEntries(changes.map(([k, , after]) => [k, after])) as Partial<D>, sure) : page.api.create(draft)),
    onSuccess: async (saved) => {
      await done(saved)
      say(page.said?.(saved) ?? t('admin.saved'))
    },
  })
  const asked = page.asks && refused(save.error, page.asks.code) ? page.asks : null
  const archive = useMutation({ mutationFn: (archived: boolean) => page.api.archive(record!.id, record!.version, archived), onSuccess: done, onError: complain, onSettled: () => setConfirming(false) })
  const adopt = useMutation({ mutationFn: () => page.api.adopt(record!.id, record!.version), onSuccess: done, onError: complain })
  const locked = record !== null && (record.source !== 'page' || record.archived_at !== null)
  const form: Form<D> = { draft, set: (change) => setDraft((old) => ({ ...old, ...change })), wrong: (field) => wrong(save.error, field), locked, fresh: record === null }
  return (
    <form
      noValidate className="adminform" aria-label={record?.name ?? t('admin.new')} data-testid="admin-form"
      onSubmit={(e) => {
        e.preventDefault()
        save.mutate(false)
      }}
    >
      {/* Without a field to go to, the keyboard scrolls the fields themselves. */}
      <div className="adminfields" role="group" aria-label={record?.name ?? t('admin.new')} tabIndex={locked ? 0 : undefined}>
        <header>
          <Button size="xs" variant="subtle" className="adminback" onClick={() => pick(null)} leftSection={<Icon name="back" small />}>{t(`admin.${page.noun}.title`)}</Button>
          <h2 dir="auto">{(record && page.title?.(record)) ?? record?.name ?? t(`admin.${page.noun}.new`)}</h2>
          {record && record.source === 'page' && (
            <Button size="xs" variant="default" loading={archive.isPending} onClick={() => (record.archived_at ? archive.mutate(false) : setConfirming(true))} data-testid="admin-archive">{record.archived_at ? t('admin.restore') : t('admin.archive')}</Button>
          )}
        </header>
        {record?.source === 'file' && (
          <div className="adminowner" data-testid="admin-owner">
            <span className="grow">{t('admin.fileOwns')}</span>
            <Button size="xs" variant="default" loading={adopt.isPending} onClick={() => adopt.mutate()} data-testid="admin-adopt">{t('admin.adopt')}</Button>
          </div>
        )}
        {record?.source === 'built-in' && <div className="adminowner"><span>{t('admin.builtIn')}</span></div>}
        {save.isError && !asked && <div className="alert" role="alert" data-testid="admin-problem">{above(save.error, new RegExp(`^(${Object.keys(draft).join('|')})(\\.|$)`))}</div>}
        {page.fields(form, record)}
      </div>
      <aside className="adminside" aria-label={t('admin.changes')}>
        {!locked && (
          <>
            <h3 role="status">{record ? t('admin.unsaved', { n: changes.length }) : t('admin.notMade')}</h3>
            {record && <Diff changes={changes} label={(f) => t(`admin.${page.noun}.${f}`)} shown={page.shown} />}
            <div className="hflex">
              <Button type="submit" className="grow" loading={save.isPending} disabled={record !== null && changes.length === 0} data-testid="admin-save">{t('common.save')}</Button>
              <Button variant="default" onClick={() => (record ? setDraft(first) : pick(null))} disabled={record !== null && changes.length === 0}>{t('admin.discard')}</Button>
            </div>
          </>
        )}
        {record && <History page={page} record={record} />}
      </aside>
      {asked && <Confirm title={asked.title} text={explain(save.error)} act={asked.act} busy={save.isPending} close={() => save.reset()} run={() => save.mutate(true)} />}
      {confirming && record && (
        <Confirm title={t('admin.archiveTitle', { name: record.name })} text={t(`admin.${page.noun}.archiveText`)} act={t('admin.archive')} busy={archive.isPending} close={() => setConfirming(false)} run={() => archive.mutate(true)} />
      )}
    </form>
  )
}

type Changed = [field: string, before: unknown, after: unknown]
function changed<D extends object>(before: D, after: D): Changed[] {
  return Object.keys(after).flatMap((key): Changed[] => {
    const [a, b] = [before[key as keyof D], after[key as keyof D]]
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [[key, a, b]]
  })
}

/** What was, struck out, and what is to be. */
export function Diff({ changes, label, shown }: { changes: Changed[]; label: (field: string) => string; shown: (field: string, value: unknown) => string }) {
  return (
    <dl className="admindiff">
      {changes.map(([field, before, after]) => (
        <div key={field}>
          <dt>{label(field)}</dt>
          <dd><del dir="auto">{shown(field, before)}</del> → <ins dir="auto">{shown(field, after)}</ins></dd>
        </div>
      ))}
    </dl>
  )
}

function History<T extends Kept, D extends object>({ page, record }: { page: Page<T, D>; record: T }) {
  const { t } = useTranslation()
  const found = useQuery({ queryKey: ['admin', page.noun, record.id, record.version], queryFn: async () => (await page.api.history(record.id)).items })
  if (!found.data?.length) return null
  return (
    <section className="adminhistory" aria-label={t('admin.history')} data-testid="admin-history">
      <h3>{t('admin.history')}</h3>
      <ol>
        {found.data.map((c) => (
          <li key={c.id}>
            <span><strong>{c.actor?.name ?? t('admin.hub')}</strong> · {t(`admin.change.${c.change}`)}</span>
            {c.change === 'changed' && <Diff changes={Object.keys(c.after).map((k) => [k, c.before[k], c.after[k]])} label={(f) => t(`admin.${page.noun}.${f}`)} shown={page.shown} />}
            <span className="meta">{stamp(c.at)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}

/** Whether the hub refused something by this code. */
export const refused = (error: unknown, code: string) => error instanceof Problem && error.code === code

/** A question before something that others notice. */
export function Confirm({ title, text, act, busy, close, run }: { title: string; text: string; act: string; busy: boolean; close: () => void; run: () => void }) {
  const { t } = useTranslation()
  return (
    <Modal opened onClose={close} title={title} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <p style={{ marginTop: 0 }}>{text}</p>
      <div className="hflex" style={{ justifyContent: 'flex-end' }}>
        <Button variant="default" onClick={close} data-autofocus>{t('common.cancel')}</Button>
        <Button color="red" loading={busy} onClick={run} data-testid="admin-confirm">{act}</Button>
      </div>
    </Modal>
  )
}
