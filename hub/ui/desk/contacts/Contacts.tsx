import { TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { Button } from '@mantine/core'
import { explain } from '../parts/ask'
import { Empty, Loading, initials, useWho } from '../parts/bits'
import { Icon } from '../parts/icons'
import { contact, people } from '../parts/queries'
import { ContactPanel } from '../inbox/ContactPanel'
import { Timeline } from '../inbox/Timeline'

export function Contacts() {
  const { t } = useTranslation()
  const who = useWho()
  const { id } = useParams({ strict: false }) as { id?: string }
  const [text, setText] = useState('')
  const [q] = useDebouncedValue(text.trim(), 250)
  const found = useInfiniteQuery(people(q))
  const items = found.data?.pages.flatMap((p) => p.items) ?? []
  const open = id === undefined ? null : Number(id)
  const known = useQuery({ ...contact(open ?? 0), enabled: open !== null }).data !== undefined
  return (
    <div className={`contacts${open === null ? '' : ' open'}`}>
      <section className="list" aria-label={t('nav.contacts')}>
        <div className="bar">
          <TextInput
            className="grow" size="xs" maxLength={200} leftSection={<Icon name="search" small />} value={text} onChange={(e) => setText(e.currentTarget.value)}
            placeholder={t('contact.searchHint')} aria-label={t('contact.search')} data-testid="contact-search"
          />
        </div>
        <div className="list-scroll" tabIndex={0} aria-label={t('nav.contacts')} role="region">
          {found.isPending && <Loading />}
          {found.isError && <Empty icon="warn" title={explain(found.error)} />}
          {found.isSuccess && items.length === 0 && <Empty icon="people" title={q ? t('contact.nobody') : t('contact.empty')} />}
          {items.map((c) => (
            <Link key={c.id} to="/contacts/$id" params={{ id: String(c.id) }} className="person" data-testid="contact-row" activeProps={{ 'aria-current': 'page' }}>
              <span className="avatar" aria-hidden="true">{initials(who(c))}</span>
              <span className="grow">
                <span dir="auto" className="cut" style={{ display: 'block', fontWeight: 500 }}>{who(c)}</span>
                <span dir="auto" className="meta cut" style={{ display: 'block' }}>
                  {c.addresses.filter((a) => a.kind !== 'visitor' && a.value !== who(c)).map((a) => a.value).join(' · ') || t(`kind.${c.addresses[0]?.kind ?? 'visitor'}`)}
                </span>
              </span>
              {c.open_conversations > 0 && <span className="pill ok" title={t('contact.open', { n: c.open_conversations })}>{c.open_conversations}</span>}
            </Link>
          ))}
          {found.hasNextPage && (
            <div style={{ padding: 12 }}>
              <Button fullWidth variant="default" loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>{t('timeline.more')}</Button>
            </div>
          )}
        </div>
      </section>
      {open === null ? (
        <main className="detail" style={{ display: undefined }}><div style={{ gridColumn: '1 / -1' }}><Empty icon="person" title={t('contact.choose')} /></div></main>
      ) : (
        <main className="detail">
          <div className="side" tabIndex={0} role="region" aria-label={t('contact.panel')} data-testid="contact-panel">
            <Link to="/contacts" className="phone-only hflex" style={{ marginBottom: 10, gap: 4 }}><Icon name="back" small />{t('nav.contacts')}</Link>
            <ContactPanel id={open} timeline={false} />
          </div>
          {known && (
            <div className="scroll" style={{ padding: '12px 20px' }} tabIndex={0} role="region" aria-label={t('timeline.title')}>
              <Timeline key={open} contact={open} />
            </div>
          )}
        </main>
      )}
    </div>
  )
}
