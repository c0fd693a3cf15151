import { ActionIcon, NativeSelect, TextInput } from '@mantine/core'
import { useDebouncedCallback } from '@mantine/hooks'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link, useNavigate, useSearch } from '@tanstack/react-router'
import { useVirtualizer } from '@tanstack/react-virtual'
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { Listed } from '../api'
import type { InboxSearch } from '../router'
import { explain } from '../parts/ask'
import { ChannelIcon, Empty, SlaPill, Loading, useChannelName, useLatest, useWho } from '../parts/bits'
import { FoundLine } from '../parts/FoundLine'
import { useSaid } from '../parts/said'
import { stamp, when } from '../format'
import { Icon } from '../parts/icons'
import { useKeys } from '../parts/keys'
import { list } from '../parts/queries'
import { useMe } from '../shell/me'
import { channels } from '../state/channels'
import { remembered, usePref } from '../state/prefs'
import { useLive } from '../state/live'
import { bySla } from '../state/reducers'
import { useViewName } from './Views'

const Narrow = lazy(() => import('./Narrow'))
const ROW = 76

export function List({ view, open, showViews }: { view: string; open: number | null; showViews: () => void }) {
  const { t } = useTranslation()
  const name = useViewName()
  const channelName = useChannelName()
  const live = useLive()
  const { presence } = useMe()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as InboxSearch
  const [sort, setSort] = usePref<'sla' | 'new'>('sort', 'sla')
  const [finding, setFinding] = useState(Boolean(search.q))
  const [q, setQ] = useState(search.q ?? '')
  const field = useRef<HTMLInputElement>(null)
  const key = { view, ...(search.channel ? { channel: search.channel } : {}), ...(search.q ? search : {}) }
  const found = useInfiniteQuery({ ...list(key), refetchInterval: live.state === 'ready' ? false : 10_000 })

  const rows = useMemo(() => {
    const all = found.data?.pages.flatMap((p) => p.items) ?? []
    const unique = [...new Map(all.map((x) => [x.id, x])).values()].filter((x) => search.q || !view.startsWith('q-') || x.status === 'open')
    if (search.q) return unique // the best first, as the hub found them
    return sort === 'sla' && view !== 'resolved' ? unique.sort(bySla) : unique.sort((a, b) => Date.parse(b.updated_at) - Date.parse(a.updated_at))
  }, [found.data, sort, view, search.q])

  const go = (id: number) => void navigate({ to: '/inbox/$view/$id', params: { view, id: String(id) }, search })
  const narrow = useDebouncedCallback((text: string) => {
    void navigate({ to: '.', search: (s: object) => ({ ...s, q: text.trim() || undefined }), replace: true })
  }, 250)
  const box = useRef<HTMLDivElement>(null)
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => ROW, overscan: 8 })
  const items = virtual.getVirtualItems()
  const lastIndex = items[items.length - 1]?.index ?? 0
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found
  useEffect(() => {
    if (hasNextPage && !isFetchingNextPage && lastIndex >= rows.length - 10) void fetchNextPage()
  }, [lastIndex, rows.length, hasNextPage, isFetchingNextPage, fetchNextPage])

  const state = useLatest({ rows, open })
  const move = (by: number) => {
    const at = state.current.rows.findIndex((r) => r.id === state.current.open)
    const next = state.current.rows[Math.max(0, Math.min(state.current.rows.length - 1, at + by))]
    if (!next) return
    virtual.scrollToIndex(state.current.rows.indexOf(next), { align: 'auto' })
    go(next.id)
  }
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    '/': () => {
      setFinding(true)
      requestAnimationFrame(() => field.current?.focus())
    },
  })
  const arrows = (e: React.KeyboardEvent) => {
    if (e.key !== 'ArrowDown' && e.key !== 'ArrowUp') return
    const links = [...(box.current?.querySelectorAll<HTMLElement>('a.row') ?? [])].sort((a, b) => a.offsetTop - b.offsetTop || Number(a.dataset.index) - Number(b.dataset.index))
    const at = links.indexOf(document.activeElement as HTMLElement)
    const next = links[at + (e.key === 'ArrowDown' ? 1 : -1)]
    if (next) {
      e.preventDefault()
      next.focus()
    }
  }

  return (
    <section className="list" aria-label={t('list.title', { view: name(view) })}>
      <div className="bar">
        <ActionIcon className="narrow-only" variant="default" size={32} aria-label={t('views.title')} onClick={showViews} data-testid="open-views">
          <Icon name="list" small />
        </ActionIcon>
        {finding ? (
          <TextInput
            ref={field} className="grow" size="xs" value={q} placeholder={t('list.search')} maxLength={200} aria-label={t('list.search')} autoFocus
            onChange={(e) => {
              setQ(e.currentTarget.value)
              narrow(e.currentTarget.value)
            }}
            onKeyDown={(e) => {
              if (e.key === 'Escape') {
                setQ('')
                setFinding(false)
                narrow('')
              }
            }}
          />
        ) : (
          <>
            <h2 dir="auto" className="cut narrow-only" style={{ fontSize: 14, fontWeight: 600 }}>{name(view)}</h2>
            {view !== 'resolved' && (
              <NativeSelect
                size="xs" className="pick" aria-label={t('list.sort')} value={sort} onChange={(e) => setSort(e.currentTarget.value as 'sla' | 'new')}
                data={[{ value: 'sla', label: t('list.sla') }, { value: 'new', label: t('list.newest') }]}
              />
            )}
            <NativeSelect
              size="xs" className="pick" aria-label={t('list.channel')} value={search.channel ?? ''}
              onChange={(e) => {
                const channel = e.currentTarget.value || undefined
                void navigate({ to: '.', search: (s: object) => ({ ...s, channel }), replace: true })
              }}
              data={[{ value: '', label: t('list.all') }, ...channels().map((c) => ({ value: c, label: channelName(c) }))]}
            />
          </>
        )}
        <ActionIcon
          variant="default" size={30} className="find" aria-label={finding ? t('list.searchClose') : t('list.search')}
          onClick={() => {
            if (finding) {
              setQ('')
              narrow('')
            }
            setFinding(!finding)
          }}
        >
          <Icon name={finding ? 'close' : 'search'} small />
        </ActionIcon>
      </div>
      {finding && search.q && <Suspense><Narrow /></Suspense>}
      <div className="list-scroll" ref={box} tabIndex={-1} onKeyDown={arrows}>
        {found.isPending && <Loading />}
        {found.isError && <Empty icon="warn" title={explain(found.error)} />}
        {found.isSuccess && rows.length === 0 && (
          <Empty icon={search.q ? 'search' : 'inbox'} title={search.q ? t('list.nothing') : t(`empty.${/^q-/.test(view) ? 'queue' : view}`)}>
            {view === 'mine' && !search.q && t(presence.state === 'available' ? 'empty.mineReady' : 'empty.mineHint')}
          </Empty>
        )}
        <div style={{ height: virtual.getTotalSize(), position: 'relative' }} role="list">
          {items.map((v) => {
            const row = rows[v.index]
            return row && (
              <div role="listitem" key={row.id}>
                <Row row={row} view={view} selected={row.id === open} top={v.start} index={v.index} search={search} />
              </div>
            )
          })}
        </div>
      </div>
    </section>
  )
}

function Row(p: { row: Listed; view: string; selected: boolean; top: number; index: number; search: InboxSearch }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const { row } = p
  const who = useWho()
  const said = useSaid()
  const draft = remembered(`draft.${row.id}.reply`, '')
  const meta = [
    channelName(row.channel),
    row.queue?.name,
    p.view !== 'mine' && row.agent ? row.agent.name : null,
    row.entry_state === 'wrapping' ? t('state.wrapping') : null,
    draft ? t('list.draft') : null,
  ].filter(Boolean)
  return (
    <Link
      to="/inbox/$view/$id" params={{ view: p.view, id: String(row.id) }} search={p.search} className={`row${p.selected ? ' sel' : ''}${row.unread ? ' un' : ''}`}
      style={{ transform: `translateY(${p.top}px)` }} aria-current={p.selected ? 'true' : undefined} activeProps={{}} data-index={p.index}
      data-testid="conversation-row" data-id={row.id}
    >
      <ChannelIcon channel={row.channel} />
      <span dir="auto" className="who cut">
        {row.unread && <span className="sr">{t('list.unread')} </span>}
        {who(row.contact)}
      </span>
      {row.status === 'snoozed' && row.snoozed_until ? (
        <span className="pill" title={t('snooze.until', { at: stamp(row.snoozed_until) })}><Icon name="clock" small />{when(row.snoozed_until)}</span>
      ) : row.due_at && row.status === 'open' ? (
        <SlaPill due={row.due_at} from={row.waiting_since} />
      ) : (
        <span className="meta">{when(row.updated_at)}</span>
      )}
      <span dir="auto" className="l2 subj cut">{row.subject || said(row.preview, row.said)}</span>
      <span className="l3 meta">
        {row.found ? <FoundLine found={row.found} /> : <span dir="auto" className="cut">{meta.join(' · ')}{row.subject && row.preview && <> · <bdi>{said(row.preview, row.said)}</bdi></>}</span>}
        {row.failed && <span className="pill late" style={{ marginLeft: 'auto', lineHeight: '14px' }}>{t('delivery.failed')}</span>}
      </span>
    </Link>
  )
}
