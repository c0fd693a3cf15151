import { Link } from '@tanstack/react-router'
import { useTranslation } from 'react-i18next'
import { Empty } from '../parts/bits'

export function Lost() {
  const { t } = useTranslation()
  return (
    <main className="center">
      <Empty icon="search" title={t('lost.title')}>
        <Link to="/">{t('lost.home')}</Link>
      </Empty>
    </main>
  )
}
