import { Drawer } from '@mantine/core'
import { useMediaQuery } from '@mantine/hooks'
import { useParams } from '@tanstack/react-router'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Empty } from '../parts/bits'
import { remember, usePref } from '../state/prefs'
import { ConversationPane } from './ConversationPane'
import { ContactPanel } from './ContactPanel'
import { List } from './List'
import { Lost } from '../shell/Lost'
import { LoadText } from '../shell/TopBar'
import { isView } from '../shell/pages'
import { Views } from './Views'

/** An address that names no view is no page. */
export function Inbox() {
  const { view } = useParams({ strict: false }) as { view: string }
  return isView(view) ? <Known /> : <Lost />
}

/** Four columns on a wide screen, three on a laptop (views in a drawer), two below it, one on a phone. */
function Known() {
  const { t } = useTranslation()
  const { view, id } = useParams({ strict: false }) as { view: string; id?: string }
  const wide = useMediaQuery('(min-width: 1280px)', innerWidth >= 1280, { getInitialValueInEffect: false })
  const roomy = useMediaQuery('(min-width: 1360px)', innerWidth >= 1360, { getInitialValueInEffect: false })
  const [panel, setPanel] = usePref('panel', true)
  const [views, setViews] = useState(false)
  const [drawer, setDrawer] = useState<number | null>(null)
  const [contact, setContact] = useState<number | null>(null)
  const open = id === undefined ? null : Number(id)

  useEffect(() => {
    if (view !== 'all') remember('view', view)
  }, [view])
  useEffect(() => {
    setViews(false)
    setDrawer(null)
  }, [view, id])

  const side = wide && panel && contact !== null && open !== null
  const toggle = () => (wide ? setPanel(!panel) : setDrawer(drawer === null ? contact : null))
  return (
    <div className={`inbox${open === null ? '' : ' open'}${side ? '' : ' noside'}`}>
      <nav className="views" aria-label={t('views.title')}>
        <Views />
        <LoadText />
      </nav>
      <List view={view} open={open} showViews={() => setViews(true)} />
      {open === null || Number.isNaN(open) ? (
        <main className="conv wide-only">
          <Empty icon="chat" title={t('conv.none')}>{t('conv.noneHint')}</Empty>
        </main>
      ) : (
        <ConversationPane key={open} id={open} view={view} panelOpen={side} togglePanel={toggle} onContact={setContact} />
      )}
      {side && (
        <aside className="side" aria-label={t('contact.panel')} data-testid="contact-panel">
          <ContactPanel id={contact} conversation={open} />
        </aside>
      )}
      {!roomy && (
        <Drawer opened={views} onClose={() => setViews(false)} title={t('views.title')} size={280} closeButtonProps={{ 'aria-label': t('common.close') }}>
          <nav className="views" style={{ border: 0, padding: 0 }} aria-label={t('views.title')}><Views /></nav>
        </Drawer>
      )}
      {!wide && (
        <Drawer
          opened={drawer !== null} onClose={() => setDrawer(null)} title={t('contact.panel')} position="right" size={380}
          closeButtonProps={{ 'aria-label': t('common.close') }}
        >
          {drawer !== null && <div className="sections" data-testid="contact-panel"><ContactPanel id={drawer} conversation={open} /></div>}
        </Drawer>
      )}
    </div>
  )
}
