import { ActionIcon, NativeSelect, Tooltip } from '@mantine/core'
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { ReplyChannel } from '../api'
import { useChannelName } from '../parts/bits'
import { can } from '../state/channels'
import { Icon, type IconName } from '../parts/icons'

export type Tab = 'reply' | 'note'

export const keyOf = (r: ReplyChannel) => `${r.channel}:${r.address_id}:${r.account_id}`

/** Whether a reply or a note is written; the arrow keys turn. */
export function Tabs({ tab, turn, panel }: { tab: Tab; turn: (to: Tab) => void; panel: string }) {
  const { t } = useTranslation()
  return (
    <div className="tabs" role="tablist" aria-label={t('composer.kind')}>
      {(['reply', 'note'] as const).map((k) => (
        <button
          key={k} type="button" role="tab" id={`${panel}-${k}`} aria-selected={tab === k} aria-controls={panel} tabIndex={tab === k ? 0 : -1}
          data-testid={`tab-${k}`} onClick={() => turn(k)}
          onKeyDown={(e) => {
            if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return
            const other = k === 'reply' ? 'note' : 'reply'
            turn(other)
            document.getElementById(`${panel}-${other}`)?.focus()
          }}
        >
          {t(`composer.${k}`)}
        </button>
      ))}
    </div>
  )
}

/** The channel and address that a reply goes to; with our own number, too, where there are several. */
export function SendBy({ channels, chosen, choose }: { channels: ReplyChannel[]; chosen: ReplyChannel | undefined; choose: (key: string) => void }) {
  const { t } = useTranslation()
  const channelName = useChannelName()
  const way = (r: ReplyChannel) => {
    const twins = channels.filter((x) => x.channel === r.channel && x.address_id === r.address_id)
    return [channelName(r.channel), ...(can(r.channel).form === 'visit' ? [] : [r.address]), ...(twins.length > 1 ? [r.account] : [])].join(' · ')
  }
  return (
    <label className="sendby meta">
      <span className="wide-only">{t('composer.sendBy')}</span>
      <NativeSelect
        size="xs" aria-label={t('composer.sendBy')} value={chosen ? keyOf(chosen) : ''} data-testid="send-by" style={{ minWidth: 0 }}
        onChange={(e) => choose(e.currentTarget.value)} data={channels.map((r) => ({ value: keyOf(r), label: way(r) }))}
      />
    </label>
  )
}

/** What is added to a text that is being written: files, and prepared texts. */
export function Extras({ open, canned, attach }: { open: boolean; canned: () => void; attach: (list: File[]) => void }) {
  const { t } = useTranslation()
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <input
        ref={input} type="file" multiple hidden data-testid="file-input"
        onChange={(e) => {
          attach([...(e.currentTarget.files ?? [])])
          e.currentTarget.value = ''
        }}
      />
      <Tool name={t('composer.canned')} letter="M" icon="bolt" press={canned} id="canned" expanded={open} />
      <Tool name={t('composer.attach')} icon="clip" press={() => input.current?.click()} id="attach" />
    </>
  )
}

export function Tool({ name, letter, icon, press, id, expanded }: {
  name: string; letter?: string; icon: IconName; press: () => void; id: string; expanded?: boolean
}) {
  return (
    <Tooltip label={letter ? `${name} (${letter})` : name}>
      <ActionIcon variant="subtle" color="gray" c="var(--fg)" size={32} aria-label={name} aria-expanded={expanded} onClick={press} data-testid={id}><Icon name={icon} /></ActionIcon>
    </Tooltip>
  )
}
