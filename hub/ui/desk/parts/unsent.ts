/** Why a message has not left, in the reader's language: by its code, else as the server says it. */
import { useTranslation } from 'react-i18next'
import type { Unsent } from '../api'
import { useSaid } from './said'

export function useUnsent(): (why: Unsent) => string {
  const { t, i18n } = useTranslation()
  const said = useSaid()
  return ({ code, params, error }) => {
    const flaw = code === 'smtp.certificate' ? `unsent.certificate.${String(params.flaw ?? 'other')}` : ''
    const key = [flaw, `unsent.${code ?? ''}`].find((one) => one && i18n.exists(one))
    return key ? t(key, params) : error ? said(error) : t('unsent.unknown')
  }
}
