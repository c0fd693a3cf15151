import { Spotlight, type SpotlightActionData, type SpotlightActionGroupData } from '@mantine/spotlight'
import { useDebouncedValue } from '@mantine/hooks'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type PresenceState } from '../api'
import { complain } from '../parts/ask'
import { ChannelIcon, useWho } from '../parts/bits'
import { FoundLine } from '../parts/FoundLine'
import { Icon, type IconName } from '../parts/icons'
import { queues } from '../parts/queries'
import { useSaid } from '../parts/said'
import { useQueryClient } from '@tanstack/react-query'
import { useDialogs, useMay } from './me'
import { useReasonName, REASONS } from './TopBar'

/** Search and commands in one box: conversations and contacts by what you type, pages and presence by name. */
export function Palette() {
  const { t } = useTranslation()
  const who = useWho()
  const said = useSaid()
  const navigate = useNavigate()
  const dialogs = useDialogs()
  const may = useMay()
  const client = useQueryClient()
  const reasonName = useReasonName()
  const [query, setQuery] = useState('')
  const [q] = useDebouncedValue(query.trim(), 200)
  const teams = useQuery(queues)
  const found = useQuery({
    queryKey: ['palette', q],
    enabled: q.length > 1,
    placeholderData: keepPreviousData,
    queryFn: async () => {
      const [conversations, contacts] = await Promise.all([
        api.conversations({ view: 'all', q, limit: 6 }),
        api.contacts(q),
      ])
      return { conversations: conversations.items.slice(0, 6), contacts: contacts.items.slice(0, 6) }
    },
  })
  const view = (v: string) => () => void navigate({ to: '/inbox/$view', params: { view: v } })
  const presence = (state: PresenceState, reason: string | null) => () =>
    void api.setPresence(state, reason ?? undefined).then((me) => client.setQueryData(['session'], me), complain)
  const page = (id: string, label: string, icon: IconName, onClick: () => void): SpotlightActionData => ({
    id, label, onClick, leftSection: <Icon name={icon} />,
  })
  const has = (label: string) => label.toLowerCase().includes(query.trim().toLowerCase())

  const commands: SpotlightActionData[] = [
    page('mine', t('view.mine'), 'inbox', view('mine')),
    page('waiting', t('view.waiting'), 'clock', view('waiting')),
    ...(teams.data ?? []).map((x) => page(`q-${x.id}`, t('palette.queue', { name: x.name }), 'list', view(`q-${x.id}`))),
    page('contacts', t('nav.contacts'), 'people', () => void navigate({ to: '/contacts' })),
    page('board', t('nav.board'), 'board', () => void navigate({ to: '/board' })),
    ...(may('channel.manage') ? [page('mailboxes', t('nav.mailboxes'), 'mail', () => void navigate({ to: '/mailboxes' }))] : []),
    ...(may('channel.read') ? [page('numbers', t('nav.numbers'), 'sms', () => void navigate({ to: '/numbers' }))] : []),
    ...(may('send.settle') ? [page('unsettled', t('nav.unsettled'), 'warn', () => void navigate({ to: '/unsettled' }))] : []),
    ...(may('queue.manage') || may('role.manage') ? [page('admin', t('nav.admin'), 'gear', () => void navigate({ to: '/admin' }))] : []),
    page('new', t('new.title'), 'plus', () => dialogs.compose()),
    ...REASONS.map(([state, reason]) =>
      page(
        `p-${state}-${reason ?? ''}`,
        t('palette.presence', { state: t(`presence.${state}`) + (reason ? ` · ${reasonName(reason)}` : '') }),
        'person',
        presence(state, reason),
      ),
    ),
    page('help', t('shortcuts.title'), 'keys', dialogs.help),
  ].filter((c) => has(c.label ?? ''))

  const groups: SpotlightActionGroupData[] = []
  if (q.length > 1 && found.data) {
    if (found.data.conversations.length)
      groups.push({
        group: t('palette.conversations'),
        actions: found.data.conversations.map((c) => ({
          id: `c-${c.id}`,
          children: (
            <div className="hflex">
              <ChannelIcon channel={c.channel} />
              <span className="paletteHit">
                <span dir="auto" className="cut">{c.subject || said(c.preview, c.said)}</span>
                {c.found && <FoundLine found={c.found} />}
                <span dir="auto" className="cut mut">{`${who(c.contact)} · ${t(`status.${c.status}`)}`}</span>
              </span>
            </div>
          ),
          onClick: () => void navigate({ to: '/inbox/$view/$id', params: { view: 'all', id: String(c.id) } }),
        })),
      })
    if (found.data.contacts.length)
      groups.push({
        group: t('palette.contacts'),
        actions: found.data.contacts.map((c) => ({
          id: `k-${c.id}`, label: who(c), description: c.addresses.map((a) => a.value).slice(0, 2).join(' · '),
          leftSection: <Icon name="person" />, onClick: () => void navigate({ to: '/contacts/$id', params: { id: String(c.id) } }),
        })),
      })
  }
  if (commands.length) groups.push({ group: t('palette.commands'), actions: commands })

  return (
    <Spotlight
      actions={groups} query={query} onQueryChange={setQuery} filter={(_, all) => all} shortcut={['mod + K']} scrollable maxHeight={460}
      nothingFound={found.isFetching ? t('common.loading') : t('palette.nothing')} clearQueryOnClose overlayProps={{ backgroundOpacity: 0.45, blur: 0 }}
      searchProps={{ leftSection: <Icon name="search" />, placeholder: t('palette.placeholder'), 'aria-label': t('palette.placeholder') }}
    />
  )
}
