import { Button, NativeSelect } from '@mantine/core'
import { useRef } from 'react'
import { useTranslation } from 'react-i18next'
import type { ReplyChannel } from '../api'
import { useChannelName } from '../parts/bits'
import { can } from '../state/channels'
import { Icon } from '../parts/icons'

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
      <Button variant="default" px={8} aria-label={t('composer.attach')} title={t('composer.attach')} onClick={() => input.current?.click()}>
        <Icon name="clip" small />
      </Button>
      <Button variant="default" leftSection={<Icon name="bolt" small />} aria-expanded={open} onClick={canned} data-testid="canned" className="canned-button">
        <span className="phone-sr">{t('composer.canned')}</span>
      </Button>
    </>
  )
}
