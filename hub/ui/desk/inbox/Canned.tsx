import { useQuery } from '@tanstack/react-query'
import { useEffect, useMemo, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { api, type Template } from '../api'
import { complain } from '../parts/ask'
import { useLatest } from '../parts/bits'
import { templates } from '../parts/queries'

interface CannedProps { channel: string; account: number | null; filter: string; conversation: number; pick: (body: string, subject: string | null) => void; close: () => void }

/** Canned replies: the list follows what is typed after the slash; arrows choose, Enter inserts. */
export function Canned({ channel, account, filter, conversation, pick, close }: CannedProps) {
  const { t, i18n } = useTranslation()
  const all = useQuery(templates).data
  const [at, setAt] = useState(0)
  const list = useMemo(() => {
    const word = filter.toLowerCase()
    const own = (x: Template) => (x.locale === i18n.language ? 0 : 1)
    return (all ?? [])
      .filter((x) => (!x.channel || x.channel === channel) && (!x.account_id || x.account_id === account) && (!word || `${x.key} ${x.name}`.toLowerCase().includes(word)))
      .sort((a, b) => own(a) - own(b))
  }, [all, filter, channel, account, i18n.language])
  const choose = async (x: Template) => {
    try {
      const { body, subject } = await api.render(x.id, conversation)
      pick(body, subject)
    } catch (e) {
      complain(e)
    }
  }
  const latest = useLatest({ list, at, choose, close })
  useEffect(() => setAt(0), [filter])
  useEffect(() => {
    const press = (e: KeyboardEvent) => {
      const now = latest.current
      const item = now.list[now.at]
      if (e.isComposing) return
      if (e.key === 'ArrowDown') setAt(Math.min(now.list.length - 1, now.at + 1))
      else if (e.key === 'ArrowUp') setAt(Math.max(0, now.at - 1))
      else if (e.key === 'Enter' && item && !e.ctrlKey && !e.metaKey) void now.choose(item)
      else if (e.key === 'Escape') now.close()
      else return
      e.preventDefault()
      e.stopPropagation()
    }
    addEventListener('keydown', press, true)
    return () => removeEventListener('keydown', press, true)
  }, [latest])

  return (
    <div className="canned" role="listbox" aria-label={t('composer.canned')} data-testid="canned-list" tabIndex={-1}>
      {list.length === 0 && <div className="mut" role="option" aria-selected="false" aria-disabled="true">{t('composer.noCanned')}</div>}
      {list.map((x, n) => (
        <div
          key={x.id} role="option" aria-selected={n === at} ref={n === at ? (el) => el?.scrollIntoView({ block: 'nearest' }) : undefined}
          onMouseMove={() => setAt(n)} onMouseDown={(e) => e.preventDefault()} onClick={() => void choose(x)}
        >
          <div className="hflex"><strong dir="auto" className="cut">{x.name}</strong><span className="meta">/{x.key}</span></div>
          <div dir="auto" className="meta cut">{x.body}</div>
        </div>
      ))}
    </div>
  )
}
