/** The administrator's pages, and the way between them. */
import { Link, Outlet } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Forward } from '../shell/Forward'
import { useMay } from '../shell/me'
import './admin.css'
import './words'

export const ADMIN_PAGES = [
  { to: '/admin/queues', name: 'queues', needs: 'queue.manage' },
  { to: '/admin/roles', name: 'roles', needs: 'role.manage' },
] as const

/** The first page that one may open. */
export function AdminHome() {
  const may = useMay()
  const first = ADMIN_PAGES.find((p) => may(p.needs))
  return first ? <Forward to={first.to} /> : null
}

export function AdminPages() {
  const { t } = useTranslation()
  const may = useMay()
  const pages = ADMIN_PAGES.filter((p) => may(p.needs))
  return (
    <main className="admin" data-testid="admin" tabIndex={-1}>
      <nav className="adminnav" aria-label={t('nav.admin')}>
        {pages.map((p) => <Link key={p.name} to={p.to} activeProps={{ 'aria-current': 'page' }}>{t(`admin.${p.name}.title`)}</Link>)}
        {may('channel.manage') && <Link to="/mailboxes">{t('nav.mailboxes')}</Link>}
        {may('channel.read') && <Link to="/numbers">{t('nav.numbers')}</Link>}
      </nav>
      <Outlet />
    </main>
  )
}
