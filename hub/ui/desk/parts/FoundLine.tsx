import { useTranslation } from 'react-i18next'
import type { Listed } from '../api'

/** The line that has the words that were looked for, marked, and where it is from if it is no message. */
export function FoundLine({ found }: { found: NonNullable<Listed['found']> }) {
  const { t } = useTranslation()
  return (
    <span dir="auto" className="cut" data-testid="found">
      {(found.where === 'file' || found.where === 'customer') && <>{t(`found.${found.where}`)}: </>}
      {found.pieces.map((p, n) => (p.hit ? <mark key={n}>{p.text}</mark> : <span key={n}>{p.text}</span>))}
    </span>
  )
}
