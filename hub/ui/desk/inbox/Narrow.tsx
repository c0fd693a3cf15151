import { NativeSelect } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import type { InboxSearch } from '../router'
import { agents } from '../parts/queries'
import { useChannelName } from '../parts/bits'
import { channels } from '../state/channels'

const LANGUAGES = ['ar', 'de', 'en', 'es', 'fr', 'hi', 'it', 'ja', 'ko', 'nl', 'pl', 'pt', 'ru', 'tr', 'uk', 'vi', 'zh']

/** What a search is narrowed to: channel, state, agent, language of the customer, and when it was said. */
export default function Narrow() {
  const { t, i18n } = useTranslation()
  const channelName = useChannelName()
  const navigate = useNavigate()
  const search = useSearch({ strict: false }) as InboxSearch
  const people = useQuery(agents).data ?? []
  const set = (change: Partial<InboxSearch>) => void navigate({ to: '.', search: (s: object) => ({ ...s, ...change }), replace: true })
  const names = new Intl.DisplayNames([i18n.language], { type: 'language' })
  const pick = (name: keyof InboxSearch, any: string, options: { value: string; label: string }[]) => (
    <NativeSelect
      size="xs" aria-label={t(`narrow.${name}`)} value={String(search[name] ?? '')} data-testid={`narrow-${name}`} data={[{ value: '', label: any }, ...options]}
      onChange={(e) => {
        const value = e.currentTarget.value || undefined
        set({ [name]: name === 'agent' && value ? Number(value) : value })
      }}
    />
  )
  const day = (name: 'since' | 'until') => (
    <label>
      <span className="meta">{t(`narrow.${name}`)}</span>
      <input
        type="date" className="plain" value={search[name] ?? ''} data-testid={`narrow-${name}`}
        onChange={(e) => set({ [name]: e.currentTarget.value || undefined })}
      />
    </label>
  )
  return (
    <div className="narrow" role="group" aria-label={t('narrow.title')}>
      {pick('channel', t('list.all'), channels().map((c) => ({ value: c, label: channelName(c) })))}
      {pick('status', t('narrow.anyStatus'), ['open', 'snoozed', 'resolved'].map((s) => ({ value: s, label: t(`status.${s}`) })))}
      {pick('agent', t('narrow.anyAgent'), people.map((a) => ({ value: String(a.id), label: a.name })))}
      {pick('language', t('narrow.anyLanguage'), LANGUAGES.map((l) => ({ value: l, label: names.of(l) ?? l })))}
      {day('since')}
      {day('until')}
    </div>
  )
}
