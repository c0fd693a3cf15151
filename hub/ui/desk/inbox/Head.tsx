/** One row above the messages: what it is about, until when, the next step; everything else in the menu. */
import { ActionIcon, Button, Menu, Tooltip } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import { api, type Conversation } from '../api'
import { useAct } from '../parts/ask'
import { ChannelWord, SlaPill, useWho } from '../parts/bits'
import { Icon, type IconName } from '../parts/icons'
import { RatingChip } from '../parts/RatingChip'
import { useMe } from '../shell/me'

export type Dialog = 'transfer' | 'snooze' | 'resolve' | 'why'

interface Props {
  c: Conversation; viewing: string[]; panelOpen: boolean; togglePanel: () => void; leave: () => void; open: (dialog: Dialog) => void
  /** Whether the next step is in this row, and not in the answer being written. */
  next: boolean
}

export function Head({ c, viewing, panelOpen, togglePanel, leave, open, next }: Props) {
  const { t } = useTranslation()
  const me = useMe()
  const who = useWho()
  const closed = c.status === 'resolved'
  const mine = c.agent?.id === me.agent.id
  const pull = useAct(() => api.pull(c.id))
  const reopen = useAct(() => api.reopen(c.id))
  const seen = viewing.length > 0 && t('conv.viewing', { names: viewing.join(', ') })
  return (
    <header className="chead">
      <ActionIcon className="back" variant="subtle" color="gray" c="var(--fg)" size={32} aria-label={t('conv.back')} onClick={leave} data-testid="back">
        <Icon name="back" />
      </ActionIcon>
      <h1 dir="auto" className="cut grow" title={c.subject}>{c.subject || who(c.contact)}</h1>
      {seen && <span className="meta hflex seen" title={seen} data-testid="collision"><Icon name="eye" small /><span className="cut">{seen}</span></span>}
      {c.status === 'open' && <SlaPill due={c.due_at} from={c.waiting_since} />}
      {!closed && (
        <span className="hflex room">
          <Key name={t('action.transfer')} letter="A" icon="swap" press={() => open('transfer')} id="transfer" />
          <Key name={t('action.snooze')} letter="S" icon="clock" press={() => open('snooze')} id="snooze" />
        </span>
      )}
      {closed ? (
        <Button variant="default" size="compact-md" onClick={() => reopen.mutate(undefined)} loading={reopen.isPending} leftSection={<Icon name="undo" small />} data-testid="reopen">{t('action.reopen')}</Button>
      ) : mine ? (
        <Button variant={next ? 'filled' : 'default'} size="compact-md" onClick={() => open('resolve')} leftSection={<Icon name="check" small />} className="resolve" title={`${t('action.resolve')} (E)`} data-testid="resolve">
          <span>{t('action.resolve')}</span>
        </Button>
      ) : (
        <Button size="compact-md" onClick={() => pull.mutate(undefined)} loading={pull.isPending} leftSection={<Icon name="take" small />} data-testid="pull">{t('action.take')}</Button>
      )}
      <Menu position="bottom-end" width={230}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" c="var(--fg)" size={32} aria-label={t('action.more')} title={t('action.more')} data-testid="more-actions">
            <Icon name="more" />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {!closed && <Item name={t('action.transfer')} letter="A" icon="swap" press={() => open('transfer')} id="menu-transfer" />}
          {!closed && <Item name={t('action.snooze')} letter="S" icon="clock" press={() => open('snooze')} id="menu-snooze" />}
          {!closed && !mine && <Item name={t('action.resolve')} letter="E" icon="check" press={() => open('resolve')} id="menu-resolve" />}
          <Item name={t('contact.panel')} letter="]" icon="panel" press={togglePanel} id="menu-contact" />
          <Item name={t('action.why')} icon="help" press={() => open('why')} id="why" />
        </Menu.Dropdown>
      </Menu>
      <Tooltip label={`${t('contact.panel')} ( ] )`}>
        <ActionIcon className="beside" variant="subtle" color="gray" c="var(--fg)" size={32} aria-label={t('contact.panel')} aria-pressed={panelOpen} onClick={togglePanel} data-testid="toggle-contact">
          <Icon name="panel" />
        </ActionIcon>
      </Tooltip>
    </header>
  )
}

function Key(p: { name: string; letter: string; icon: IconName; press: () => void; id: string }) {
  return (
    <Tooltip label={`${p.name} (${p.letter})`}>
      <ActionIcon variant="subtle" color="gray" c="var(--fg)" size={32} aria-label={p.name} onClick={p.press} data-testid={p.id}><Icon name={p.icon} /></ActionIcon>
    </Tooltip>
  )
}

function Item(p: { name: string; letter?: string; icon: IconName; press: () => void; id: string }) {
  return (
    <Menu.Item leftSection={<Icon name={p.icon} small />} rightSection={p.letter && <kbd className="wide-only">{p.letter}</kbd>} onClick={p.press} data-testid={p.id}>{p.name}</Menu.Item>
  )
}

/** Where it came in, where it lies and whose it is: read once, so it scrolls away with the first messages. */
export function Standing({ c }: { c: Conversation }) {
  const { t } = useTranslation()
  const me = useMe()
  return (
    <div className="standing">
      <ChannelWord channel={c.channel} />
      {c.queue && <span dir="auto">{c.queue.name}</span>}
      <span dir="auto" data-testid="assignee">{c.agent ? (c.agent.id === me.agent.id ? t('conv.you') : c.agent.name) : t('conv.unassigned')}</span>
      {c.status === 'resolved' && <span className="pill ok" data-testid="status"><Icon name="check" small />{t('status.resolved')}</span>}
      {c.rating && <RatingChip r={c.rating} />}
    </div>
  )
}
