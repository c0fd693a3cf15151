/** Why a message has not left or did not arrive, or a file is not here: by its code, else as the server says it. */
import type { TFunction } from 'i18next'
import { useTranslation } from 'react-i18next'
import type { Why } from '../api'
import { number } from '../format'

/** The words of `hub/channels/reasons.py`; a code this desk does not know is said by its sentence. */
export function unsent({ code, params, error }: Why, t: TFunction, exists: (key: string) => boolean): string {
  if (code === 'twilio.error') {
    const known = `trouble.e${String(params.number)}`
    return t('unsent.twilio.error', { number: params.number, words: exists(known) ? t(known) : params.reason || t('unsent.unknown') })
  }
  const flaw = code === 'smtp.certificate' ? `unsent.certificate.${String(params.flaw ?? 'other')}` : ''
  const key = [flaw, `unsent.${code ?? ''}`].find((one) => one && exists(one))
  const most = typeof params.most === 'number' ? { count: params.most, most: number(params.most) } : {}
  return key ? t(key, { ...params, ...most }) : error || t('unsent.unknown')
}

export function useUnsent(): (why: Why) => string {
  const { t, i18n } = useTranslation()
  return (why) => unsent(why, t, (key) => i18n.exists(key))
}
