import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useEffect } from 'react'
import { useTranslation } from 'react-i18next'
import { counts, queues } from '../parts/queries'
import { number } from '../format'
import { useMe } from '../shell/me'
import { useLive } from '../state/live'

export function useViewName(): (view: string) => string {
  const { t } = useTranslation()
  const { queues: mine } = useMe()
  const all = useQuery(queues).data
  return (view) => {
    const id = Number(/^q-(\d+)$/.exec(view)?.[1])
    if (!id) return t(`view.${view}`)
    return [...(all ?? []), ...mine].find((q) => q.id === id)?.name ?? t('views.queue')
  }
}

export function Views() {
  const { t } = useTranslation()
  const { queues: mine } = useMe()
  const { watch } = useLive()
  const n = useQuery({ ...counts, refetchInterval: 30_000 }).data
  const all = useQuery(queues).data
  const visible = all?.length ? all : mine
  const others = visible.filter((q) => !mine.some((m) => m.id === q.id)).map((q) => q.id).join()
  useEffect(() => {
    for (const id of others.split(',').filter(Boolean)) watch(`q:${id}`, 0)
  }, [others, watch])
  const item = (view: string, label: string, count: number | undefined) => (
    <Link
      key={view} to="/inbox/$view" params={{ view }} search={{}} activeOptions={{ exact: false, includeSearch: false }}
      data-testid={`view-${view}`} activeProps={{ 'aria-current': 'page' }}
    >
      <span dir="auto" className="cut">{label}</span>
      {count !== undefined && <span className="n">{number(count)}</span>}
    </Link>
  )
  return (
    <>
      <h2 className="section">{t('views.mine')}</h2>
      {item('mine', t('view.mine'), n?.mine)}
      {item('waiting', t('view.waiting'), n?.waiting)}
      {item('snoozed', t('view.snoozed'), n?.snoozed)}
      {item('resolved', t('view.resolved'), n?.resolved_today)}
      {item('all', t('view.all'), undefined)}
      {visible.length > 0 && <h2 className="section">{t('views.queues')}</h2>}
      {visible.map((q) => item(`q-${q.id}`, q.name, n?.queues[String(q.id)] ?? 0))}
    </>
  )
}
