import { Menu, Tooltip } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { openSpotlight } from '@mantine/spotlight'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import type { TFunction } from 'i18next'
import { lazy, Suspense, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Load, type Me, type PresenceState, Problem } from '../api'
import { LANGUAGES, speak } from '../i18n'
import { complain } from '../parts/ask'
import { initials } from '../parts/bits'
import { useNow } from '../parts/clock'
import { ago } from '../format'
import { Icon } from '../parts/icons'
import { forget, usePref } from '../state/prefs'
import { useDialogs, useMay, useMe } from './me'

const SignOut = lazy(() => import('./SignOut'))

export const REASONS: [PresenceState, string | null][] = [
  ['available', null],
  ['busy', null], ['busy', 'meeting'], ['busy', 'admin'], ['busy', 'training'],
  ['away', null], ['away', 'break'], ['away', 'lunch'],
  ['offline', null],
]

export function TopBar() {
  const { t } = useTranslation()
  const dialogs = useDialogs()
  const may = useMay()
  return (
    <header className="topbar">
      <button type="button" className="searchbtn" onClick={openSpotlight} data-testid="open-palette">
        <Icon name="search" small />
        <span>{t('top.search')}</span>
        <kbd>Ctrl K</kbd>
      </button>
      {may('conversation.reply') && <button type="button" className="presence" onClick={() => dialogs.compose()} title={`${t('new.title')} (C)`} data-testid="new-conversation">
        <Icon name="plus" small />
        <span className="phone-sr">{t('new.short')}</span>
      </button>}
      <span className="grow" />
      <LoadText id="load" />
      <PresenceSelect />
      <Profile />
    </header>
  )
}

export function useReasonName() {
  const { t, i18n } = useTranslation()
  return (reason: string) => (i18n.exists(`reason.${reason}`) ? t(`reason.${reason}`) : reason)
}

/** How much of what one can take one has. */
export function LoadText({ id }: { id?: string }) {
  const { t } = useTranslation()
  const { load } = useMe()
  const words = loadWords(load, t)
  return (
    <span dir="auto" className="meta wide-only cut" data-testid={id} title={loadTitle(load, t)}>
      {words || t('top.load', { used: load.used - load.gives_way, capacity: load.capacity })}
    </span>
  )
}

/** The load as the router counts it, and why it may be more than the limit. */
export function loadTitle(load: Load, t: TFunction): string {
  const used = load.used - load.gives_way
  const more = [load.gives_way > 0 && t('load.givesWay', { n: load.gives_way }), used > load.capacity && t('load.over')]
  return [t('top.loadTitle', { used, capacity: load.capacity }), ...more].filter(Boolean).join('; ')
}

export function loadWords(load: Load, t: TFunction): string {
  return Object.entries(load.by_channel)
    .filter(([, v]) => v.max > 0 && (v.count > 0 || Object.keys(load.by_channel).length <= 3))
    .slice(0, 3)
    .map(([channel, v]) => t(`load.${channel}`, { used: v.count, max: v.max, defaultValue: `${v.count}/${v.max} ${channel}` }))
    .join(' · ')
}

function PresenceSelect() {
  const { t } = useTranslation()
  const { presence } = useMe()
  const client = useQueryClient()
  const reasonName = useReasonName()
  const now = useNow(30_000)
  const set = useMutation({
    mutationFn: ([state, reason]: [PresenceState, string | null]) => api.setPresence(state, reason ?? undefined),
    onSuccess: (me) => client.setQueryData<Me>(['session'], me),
    onError: complain,
  })
  const words = (state: PresenceState, reason: string | null) =>
    reason ? `${t(`presence.${state}`)} · ${reasonName(reason)}` : t(`presence.${state}`)

  return (
    <Menu position="bottom-end" width={230}>
      <Menu.Target>
        <button
          type="button" className="presence" data-testid="presence-select" data-state={presence.state}
          aria-label={t('presence.label', { state: words(presence.state, presence.reason) })}
          title={t('presence.since', { ago: ago(presence.since, now) })}
        >
          <i className={`dot ${presence.state}`} />
          <span dir="auto" className="cut">{words(presence.state, presence.reason)}</span>
          <Icon name="down" small />
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {REASONS.map(([state, reason]) => (
          <Menu.Item
            key={`${state}-${reason ?? ''}`} onClick={() => set.mutate([state, reason])} leftSection={<i className={`dot ${state}`} />}
            data-testid={`presence-${state}${reason ? `-${reason}` : ''}`}
            rightSection={presence.state === state && presence.reason === reason ? <Icon name="check" small /> : null}
          >
            {words(state, reason)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}

function Profile() {
  const { t, i18n } = useTranslation()
  const { agent } = useMe()
  const client = useQueryClient()
  const navigate = useNavigate()
  const dialogs = useDialogs()
  const [sound, setSound] = usePref('sound', true)
  const patch = useMutation({
    mutationFn: api.patchMe,
    onSuccess: (me) => client.setQueryData<Me>(['session'], me),
    onError: complain,
  })
  const leave = useMutation({
    mutationFn: () => api.signOut().catch((e: unknown) => {
      if (!(e instanceof Problem && e.status === 401)) throw e // the session had ended before
    }),
    onSuccess: () => {
      forget()
      notifications.clean()
      client.clear()
      client.setQueryData(['session'], null)
      void navigate({ to: '/sign-in', search: {} })
    },
    onError: complain, // still signed in: whoever comes next must not find an open desk
  })
  const [leaving, setLeaving] = useState(false)
  const mayAsk = 'Notification' in window && Notification.permission === 'default'

  return (
    <>
    <Menu position="bottom-end" width={250} closeOnItemClick>
      <Menu.Target>
        <Tooltip label={agent.name}>
          <button type="button" className="avatar" data-testid="profile">
            {initials(agent.name)}
            <span className="sr">{t('profile.open', { name: agent.name })}</span>
          </button>
        </Tooltip>
      </Menu.Target>
      <Menu.Dropdown>
        <div style={{ padding: '6px 12px 8px' }}>
          <div dir="auto" className="cut"><strong>{agent.name}</strong></div>
          <div dir="auto" className="meta cut">{agent.email}</div>
        </div>
        <Menu.Divider />
        <Menu.Label c="dimmed">{t('profile.language')}</Menu.Label>
        {LANGUAGES.map((l) => (
          <Menu.Item
            key={l.value} lang={l.value} data-testid={`language-${l.value}`} rightSection={i18n.language === l.value ? <Icon name="check" small /> : null}
            onClick={() => {
              speak(l.value)
              patch.mutate({ locale: l.value })
            }}
          >
            {l.label}
          </Menu.Item>
        ))}
        <Menu.Label c="dimmed">{t('profile.theme')}</Menu.Label>
        {(['auto', 'light', 'dark'] as const).map((v) => (
          <Menu.Item
            key={v} data-testid={`theme-${v}`} rightSection={agent.theme === v ? <Icon name="check" small /> : null}
            onClick={() => patch.mutate({ theme: v })}
          >
            {t(`theme.${v}`)}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name="bell" small />} rightSection={sound ? <Icon name="check" small /> : null} onClick={() => setSound(!sound)}>
          {t('profile.sound')}
        </Menu.Item>
        {mayAsk && (
          <Menu.Item leftSection={<Icon name="bell" small />} onClick={() => void Notification.requestPermission()}>
            {t('profile.notify')}
          </Menu.Item>
        )}
        <Menu.Item leftSection={<Icon name="keys" small />} onClick={dialogs.help}>{t('shortcuts.title')}</Menu.Item>
        <Menu.Item leftSection={<Icon name="exit" small />} onClick={() => setLeaving(true)} data-testid="sign-out">
          {t('profile.signOut')}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
    {leaving && <Suspense><SignOut close={() => setLeaving(false)} leave={() => { setLeaving(false); leave.mutate() }} /></Suspense>}
    </>
  )
}
