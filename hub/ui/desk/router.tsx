import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, useParams } from '@tanstack/react-router'
import { base } from '../realtime/base'
import { SignIn } from './auth/SignIn'
import { Welcome } from './auth/Welcome'
import { Inbox } from './inbox/Inbox'
import { remembered } from './state/prefs'
import { Forward } from './shell/Forward'
import { Lost } from './shell/Lost'
import { useMay } from './shell/me'
import { firstPage, isView } from './shell/pages'
import { Shell } from './shell/Shell'

const root = createRootRoute({ component: Outlet, notFoundComponent: Lost })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  component: SignIn,
  validateSearch: (s: Record<string, unknown>): { next?: string } => (typeof s.next === 'string' ? { next: s.next } : {}),
})
const welcome = createRoute({ getParentRoute: () => root, path: '/welcome', component: Welcome })
const shell = createRoute({ getParentRoute: () => root, id: 'shell', component: Shell })

/** Where they were last: known once it is known who they are. */
function Home() {
  const may = useMay()
  const view = remembered('view', 'mine')
  const first = firstPage(may)
  return first ? <Forward to={first.to} view={isView(view) ? view : 'mine'} /> : <Lost />
}
const home = createRoute({ getParentRoute: () => shell, path: '/', component: Home })
const inboxHome = createRoute({ getParentRoute: () => shell, path: '/inbox', component: Home })
/** The pages of *Settings* are called by that name, too. */
function Settings() {
  const { _splat } = useParams({ strict: false })
  return <Forward to={`/admin/${_splat ?? ''}`} />
}
const settings = createRoute({ getParentRoute: () => shell, path: '/settings', component: Settings })
const settingsPages = createRoute({ getParentRoute: () => shell, path: '/settings/$', component: Settings })
const isDay = (s: unknown): s is string => typeof s === 'string' && /^\d{4}-\d\d-\d\d$/.test(s) && !Number.isNaN(Date.parse(s))
export interface InboxSearch { q?: string; channel?: string; status?: string; agent?: number; language?: string; since?: string; until?: string }
const inboxSearch = (s: Record<string, unknown>): InboxSearch => ({
  ...(typeof s.q === 'string' && s.q ? { q: s.q } : {}),
  ...(typeof s.channel === 'string' && s.channel ? { channel: s.channel } : {}),
  ...(['open', 'snoozed', 'resolved'].includes(String(s.status)) ? { status: String(s.status) } : {}),
  ...(Number(s.agent) > 0 ? { agent: Number(s.agent) } : {}),
  ...(/^[a-zA-Z-]{2,35}$/.test(String(s.language ?? '')) ? { language: String(s.language) } : {}),
  ...(isDay(s.since) ? { since: s.since } : {}),
  ...(isDay(s.until) ? { until: s.until } : {}),
})
const inbox = createRoute({ getParentRoute: () => shell, path: '/inbox/$view', component: Inbox, validateSearch: inboxSearch })
const inboxOne = createRoute({ getParentRoute: () => shell, path: '/inbox/$view/$id', component: Inbox, validateSearch: inboxSearch })
const people = lazyRouteComponent(() => import('./contacts/Contacts'), 'Contacts')
const contacts = createRoute({ getParentRoute: () => shell, path: '/contacts', component: people })
const contact = createRoute({ getParentRoute: () => shell, path: '/contacts/$id', component: people })
const board = createRoute({
  getParentRoute: () => shell,
  path: '/board',
  component: lazyRouteComponent(() => import('./board/Board'), 'BoardPage'),
})
const boxes = createRoute({
  getParentRoute: () => shell,
  path: '/mailboxes',
  validateSearch: (s: Record<string, unknown>): { edit?: number } => (Number(s.edit) > 0 ? { edit: Number(s.edit) } : {}),
  component: lazyRouteComponent(() => import('./mailboxes/Mailboxes'), 'MailboxesPage'),
})
const lines = createRoute({
  getParentRoute: () => shell,
  path: '/numbers',
  component: lazyRouteComponent(() => import('./numbers/Numbers'), 'NumbersPage'),
})
const adminPage = createRoute({ getParentRoute: () => shell, path: '/admin', component: lazyRouteComponent(() => import('./admin/Admin'), 'AdminPages') })
const adminHome = createRoute({ getParentRoute: () => adminPage, path: '/', component: lazyRouteComponent(() => import('./admin/Admin'), 'AdminHome') })
const adminQueues = createRoute({ getParentRoute: () => adminPage, path: '/queues', component: lazyRouteComponent(() => import('./admin/Queues'), 'QueuesPage') })
const adminRoles = createRoute({ getParentRoute: () => adminPage, path: '/roles', component: lazyRouteComponent(() => import('./admin/Roles'), 'RolesPage') })
const unsettled = createRoute({
  getParentRoute: () => shell,
  path: '/unsettled',
  component: lazyRouteComponent(() => import('./unsettled/Unsettled'), 'UnsettledPage'),
})

export const router = createRouter({
  routeTree: root.addChildren([signIn, welcome, shell.addChildren([home, inboxHome, settings, settingsPages, inbox, inboxOne, contacts, contact, board, boxes, lines, unsettled, adminPage.addChildren([adminHome, adminQueues, adminRoles])])]),
  basepath: `${base}/app`,
  defaultNotFoundComponent: Lost,
  defaultPreload: false,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
