import { Button, NativeSelect } from '@mantine/core'
import { useInfiniteQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { ChannelWord, Loading, useChannelName } from '../parts/bits'
import { fullDate, when } from '../format'
import { Icon } from '../parts/icons'
import { timeline } from '../parts/queries'
import { RatingMark } from '../parts/RatingChip'
import { useSaid } from '../parts/said'
import { channels } from '../state/channels'

/** Everything that passed between us and this person, newest first, whichever channel it came by. */
export function Timeline({ contact, current }: { contact: number; current?: number | null }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const said = useSaid()
  const [channel, setChannel] = useState('')
  const found = useInfiniteQuery(timeline(contact, channel || undefined))
  const items = found.data?.pages.flatMap((p) => p.items) ?? []
  const latest = (n: number) => items.findIndex((x) => x.conversation_id === items[n]?.conversation_id) === n
  return (
    <section>
      <h2 className="section">
        {t('timeline.title')}
        <NativeSelect
          size="xs" w={136} aria-label={t('timeline.channel')} value={channel} onChange={(e) => setChannel(e.currentTarget.value)}
          data={[{ value: '', label: t('list.all') }, ...channels().map((c) => ({ value: c, label: channelName(c) }))]}
        />
      </h2>
      {found.isPending && <Loading size="xs" />}
      {found.isSuccess && items.length === 0 && <p className="mut">{t('timeline.empty')}</p>}
      <ol className="tl">
        {items.map((i, n) => (
          <li key={i.id} className={i.direction} data-testid="timeline-item" data-channel={i.channel ?? ''}>
            <Link
              to="/inbox/$view/$id" params={{ view: 'all', id: String(i.conversation_id) }} activeProps={{}}
              aria-current={i.conversation_id === current ? 'true' : undefined}
            >
              <span className="meta hflex" style={{ gap: 6, flexWrap: 'wrap' }}>
                {i.kind === 'note' ? <span className="ch"><Icon name="edit" small />{t('composer.note')}</span> : i.channel ? <ChannelWord channel={i.channel} /> : null}
                <span>{i.direction === 'in' ? t('timeline.in') : i.automatic ? t('conv.automatic') : (i.agent?.name ?? t('timeline.out'))}</span>
                <time dateTime={i.at} title={fullDate(i.at)}>{when(i.at)}</time>
                {i.conversation_rating && latest(n) && <RatingMark r={i.conversation_rating} />}
              </span>
              {i.conversation_id !== current && i.conversation_subject && <span dir="auto" className="cut" style={{ display: 'block', fontWeight: 500 }}>{i.conversation_subject}</span>}
              <span dir="auto" className="what">{i.said || i.message ? said(i.text, i.said) : i.text}</span>
            </Link>
          </li>
        ))}
      </ol>
      {found.hasNextPage && (
        <Button variant="default" fullWidth loading={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>{t('timeline.more')}</Button>
      )}
    </section>
  )
}
