import { Popover } from '@mantine/core'
import { useTranslation } from 'react-i18next'
import type { Rating } from '../api'
import { fullDate } from '../format'
import { Icon } from './icons'

const grade = (score: number) => (score >= 4 ? 'ok' : score === 3 ? 'line' : 'late')

/** What the customer said of our help; pressed, of whom, when and in which words. */
export function RatingChip({ r }: { r: Rating }) {
  const { t } = useTranslation()
  const at = fullDate(r.at)
  return (
    <Popover position="bottom-start" withArrow shadow="md" width={280}>
      <Popover.Target>
        <button type="button" className={`pill press ${grade(r.score)}`} data-testid="rating" data-score={r.score}>
          <Icon name="star" small />{t('rating.of', { score: r.score })}
        </button>
      </Popover.Target>
      <Popover.Dropdown data-testid="rating-words">
        <span className="meta">{r.agent ? t('rating.by', { score: r.score, name: r.agent.name, at }) : t('rating.nobody', { score: r.score, at })}</span>
        {r.comment && <p style={{ margin: '6px 0 0', whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }} dir="auto">{r.comment}</p>}
      </Popover.Dropdown>
    </Popover>
  )
}

/** The same where there is no room for words: inside of a link, say. */
export function RatingMark({ r }: { r: Rating }) {
  const { t } = useTranslation()
  return (
    <span className={`pill ${grade(r.score)}`} title={r.comment || undefined} data-testid="rating-mark" data-score={r.score}>
      <Icon name="star" small />{t('rating.of', { score: r.score })}
    </span>
  )
}
