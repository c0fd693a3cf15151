/** An account that can send nothing for now, where its administrators look. */
import { useTranslation } from 'react-i18next'
import type { Silent } from '../api'
import { clock, number, stamp } from '../format'
import { useNow } from './clock'
import { useUnsent } from './unsent'

export function SilentAccount({ sending }: { sending: Silent | null }) {
  const { t } = useTranslation()
  const unsent = useUnsent()
  const now = useNow(10_000)
  if (!sending) return null
  const next = sending.next_try_at && Date.parse(sending.next_try_at) > now ? ` ${t('silent.next', { at: clock(sending.next_try_at) })}` : ''
  return (
    <p className="wrong" role="note" style={{ margin: '8px 0 0' }} data-testid="silent" data-code={sending.code} title={stamp(sending.since)}>
      {t('silent.since', { at: stamp(sending.since), why: unsent(sending), waiting: number(sending.waiting) })}{next}
    </p>
  )
}
