/** A queue to hand work to, with who would take it there: nobody, or how many are here now. */
import { useTranslation } from 'react-i18next'
import type { PlaceRef } from '../../api/schema'

export function usePlaceName(): (queue: PlaceRef) => string {
  const { t } = useTranslation()
  return (q) => `${q.name} · ${q.people ? t('place.present', { n: q.present, of: q.people }) : t('place.nobody')}`
}
