import { Button, Menu, useMantineColorScheme } from '@mantine/core'
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link, Outlet, useLocation, useNavigate } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { base } from '../../realtime/base'
import { api, type Me } from '../api'
import { clock } from '../format'
import { speak } from '../i18n'
import { complain, explain } from '../parts/ask'
import { Empty } from '../parts/bits'
import { Icon } from '../parts/icons'
import { useKeys } from '../parts/keys'
import { counts, notices, session, unsettled } from '../parts/queries'
import { LiveProvider, useLive } from '../state/live'
import { own } from '../state/prefs'
import { CallBar } from '../calls/CallBar'
import { PhoneProvider } from '../calls/phone'
import { NewConversation } from '../inbox/NewConversation'
import { useViewName } from '../inbox/Views'
import { type Dialogs, DialogsContext, MeContext, useDialogs, useMay, useMe } from './me'
import { learn } from '../state/channels'
import { Offers } from './Offers'
import { pageAt, pages, viewAt } from './pages'
import { Palette } from './Palette'
import { Shortcuts } from './Shortcuts'
import { TopBar } from './TopBar'

/** Whoever is not signed in is sent to sign in, and back to this page afterwards. */
export function Shell() {
  const me = useQuery(session)
  const navigate = useNavigate()
  const { setColorScheme } = useMantineColorScheme()
  const out = me.data === null

  useEffect(() => {
    if (!out) return
    const here = location.pathname + location.search
    const own = here.startsWith(`${base}/app/`) ? here.slice(`${base}/app/`.length) : ''
    const search = own && !own.startsWith('sign-in') ? { next: here } : {}
    void navigate({ to: '/sign-in', search, replace: true })
  }, [out, navigate])
  const locale = me.data?.agent.locale
  const scheme = me.data?.agent.theme
  useEffect(() => {
    if (locale) speak(locale)
  }, [locale])
  useEffect(() => {
    if (scheme) setColorScheme(scheme)
  }, [scheme, setColorScheme])

  if (me.data && !own(me.data.agent.id)) return null
  if (me.data) learn(me.data.channels)
  if (me.data)
    return (
      <MeContext.Provider value={me.data}>
        <LiveProvider me={me.data}>
          <PhoneProvider>
            <Frame />
          </PhoneProvider>
        </LiveProvider>
      </MeContext.Provider>
    )
  if (me.isError)
    return (
      <main className="center">
        <Empty icon="warn" title={explain(me.error)} />
      </main>
    )
  return null
}

function useTitle() {
  const { t } = useTranslation()
  const path = useLocation({ select: (l) => l.pathname })
  const name = useViewName()
  const page = pageAt(path)?.name ?? 'inbox'
  const view = viewAt(path)
  const title = view ? name(view) : t(`nav.${page}`)
  const reads = useMay()('conversation.read')
  const mine = useQuery({ ...counts, enabled: reads }).data?.mine ?? 0
  useEffect(() => {
    document.title = `${page === 'inbox' && mine ? `(${mine}) ` : ''}${title} · ${t('nav.product')}`
  }, [page, title, mine, t])
}

function Frame() {
  const { t } = useTranslation()
  const may = useMay()
  const live = useLive()
  const navigate = useNavigate()
  const [help, setHelp] = useState(false)
  const [compose, setCompose] = useState<{ contact?: number } | null>(null)
  const dialogs: Dialogs = { help: () => setHelp(true), compose: (contact) => setCompose({ contact }) }
  useTitle()
  useKeys({
    '?': () => setHelp(true),
    'g i': () => void navigate({ to: '/inbox/$view', params: { view: 'mine' } }),
    'g q': () => void navigate({ to: '/inbox/$view', params: { view: 'waiting' } }),
    'g d': () => void navigate({ to: '/board' }),
    'g c': () => void navigate({ to: '/contacts' }),
    c: () => { if (may('conversation.reply')) setCompose({}) },
  })

  return (
    <DialogsContext.Provider value={dialogs}>
      <div className="desk">
        <Rail />
        <TopBar />
        <div className="main">
          <Notices />
          <SetAway />
          <Page />
        </div>
        <Offers />
        <CallBar />
        <BottomBar />
      </div>
      <Delayed show={live.state === 'waiting' || live.state === 'connecting'}>
        <div className="linkdown" role="status">{t('live.reconnecting')}</div>
      </Delayed>
      <Palette />
      <Shortcuts opened={help} close={() => setHelp(false)} />
      {compose && <NewConversation contactId={compose.contact} close={() => setCompose(null)} />}
    </DialogsContext.Provider>
  )
}

/** What is the matter with the hub itself, above whatever is on the screen. */
function Notices() {
  const { t } = useTranslation()
  const found = useQuery(notices).data ?? []
  return found.map((one) => (
    <div key={one.code} className="banner warn" role="status" data-testid="notice">
      <Icon name="warn" small />
      <span>{t(`notice.${one.code}`, { ...one.params, defaultValue: one.text })}</span>
    </div>
  ))
}

/** Somebody the hub has set away is told why, and is back with one press. */
function SetAway() {
  const { t } = useTranslation()
  const { presence } = useMe()
  const client = useQueryClient()
  const back = useMutation({
    mutationFn: () => api.setPresence('available'),
    onSuccess: (me) => client.setQueryData<Me>(['session'], me),
    onError: complain,
  })
  if (presence.state !== 'away' || presence.reason !== 'missed offers') return null
  return (
    <div className="banner warn" role="status" data-testid="set-away">
      <Icon name="warn" small />
      <span>{t('away.missed', { at: clock(presence.since) })}</span>
      <Button size="xs" variant="default" loading={back.isPending} onClick={() => back.mutate()} data-testid="set-away-back">{t('away.back')}</Button>
    </div>
  )
}

/** A line that breaks for a moment is nobody's news. */
function Delayed({ show, children }: { show: boolean; children: React.ReactNode }) {
  const [due, setDue] = useState(false)
  useEffect(() => {
    if (!show) return setDue(false)
    const timer = setTimeout(() => setDue(true), 3_000)
    return () => clearTimeout(timer)
  }, [show])
  return show && due ? children : null
}

/** The pages that one may open; what needs settling is shown while there is something. */
function usePages() {
  const may = useMay()
  const path = useLocation({ select: (l) => l.pathname })
  const doubts = useQuery({ ...unsettled, enabled: may('send.settle') }).data?.length ?? 0
  const mine = useQuery({ ...counts, enabled: may('conversation.read') }).data?.mine ?? 0
  const shown = pages.filter((p) => p.needs.some(may) && (p.name !== 'unsettled' || doubts > 0 || path.startsWith('/unsettled')))
  return { shown, path, doubts, mine }
}

/** The page, or that one's role has no right to it, however one came: its rights may have been taken away meanwhile. */
function Page() {
  const { t } = useTranslation()
  const may = useMay()
  const path = useLocation({ select: (l) => l.pathname })
  const page = pageAt(path)
  if (page && !page.needs.some(may)) return <main className="page" data-testid="not-allowed"><Empty icon="warn" title={t('nav.notAllowed')}><Link to="/">{t('lost.home')}</Link></Empty></main>
  return <Outlet />
}

function Rail() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const { shown, path, doubts, mine } = usePages()
  return (
    <nav className="rail" aria-label={t('nav.main')}>
      {shown.map((p) => (
        <Link
          key={p.name} to={p.to} params={{ view: 'mine' }} title={t(`nav.${p.name}`)}
          aria-current={path.startsWith(`/${p.name}`) ? 'page' : undefined} data-testid={`nav-${p.name}`}
        >
          <Icon name={p.icon} />
          <span className="sr">{t(`nav.${p.name}`)}</span>
          {p.name === 'inbox' && mine > 0 && <span className="badge">{mine}</span>}
          {p.name === 'unsettled' && doubts > 0 && <span className="badge">{doubts}</span>}
        </Link>
      ))}
      <span className="grow" />
      <button type="button" aria-label={t('shortcuts.title')} title={`${t('shortcuts.title')} (?)`} onClick={dialogs.help}>
        <Icon name="help" />
      </button>
    </nav>
  )
}

const MOST_TABS = 5

/** The pages at a phone's foot: as many as can be read, the others behind the last. */
function BottomBar() {
  const { t } = useTranslation()
  const { shown, path, mine } = usePages()
  const name = useViewName()
  const view = viewAt(path)
  const other = view && view !== 'mine' ? view : 'waiting'
  const has = (name: string) => shown.some((p) => p.name === name)
  const others = shown.filter((p) => p.name !== 'inbox')
  const room = MOST_TABS - (has('inbox') ? 2 : 0)
  const beside = others.length > room ? others.slice(0, room - 1) : others
  const more = others.slice(beside.length)
  const current = (p: { name: string }) => (path.startsWith(`/${p.name}`) ? 'page' : undefined)
  return (
    <nav className="bottombar" aria-label={t('nav.main')}>
      {has('inbox') && (
        <>
          <Link to="/inbox/$view" params={{ view: 'mine' }} aria-current={view === 'mine' ? 'page' : undefined}>
            <Icon name="inbox" />
            <span className="cut">{t('nav.inbox')}</span>
            {mine > 0 && <span className="badge" aria-hidden="true">{mine}</span>}
          </Link>
          <Link to="/inbox/$view" params={{ view: other }} aria-current={view === other ? 'page' : undefined} data-testid="bar-view">
            <Icon name="list" />
            <span dir="auto" className="cut">{name(other)}</span>
          </Link>
        </>
      )}
      {beside.map((p) => (
        <Link key={p.name} to={p.to} aria-current={current(p)}>
          <Icon name={p.icon} />
          <span className="cut">{t(`nav.${p.name}`)}</span>
        </Link>
      ))}
      {more.length > 0 && (
        <Menu position="top-end" width={220}>
          <Menu.Target>
            <button type="button" aria-current={more.some(current) ? 'page' : undefined} data-testid="bar-more">
              <Icon name="more" />
              <span className="cut">{t('nav.more')}</span>
            </button>
          </Menu.Target>
          <Menu.Dropdown>
            {more.map((p) => (
              <Menu.Item key={p.name} component={Link} to={p.to} aria-current={current(p)} leftSection={<Icon name={p.icon} small />}>
                {t(`nav.${p.name}`)}
              </Menu.Item>
            ))}
          </Menu.Dropdown>
        </Menu>
      )}
    </nav>
  )
}
