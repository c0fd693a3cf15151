/** Choosing an approved text and filling in its places, by mouse or keys alone. */
import { Button, TextInput } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import type { FilledTemplate } from '../api'
import { languageName } from '../format'
import { explain } from '../parts/ask'
import { Loading } from '../parts/bits'
import { Icon } from '../parts/icons'
import { type MessageTemplate, messageTemplates } from './api'
import { filledIn, given, pieces, places, whole } from './templates'

export interface Filling { template: MessageTemplate; values: Record<string, string> }
export const isWhole = (f: Filling | null): f is Filling => f !== null && whole(f.template.body, f.values)
export const asSent = (f: Filling): FilledTemplate => ({ id: f.template.id, variables: given(f.template.body, f.values) })
export const asShown = (f: Filling): string => filledIn(f.template.body, f.values)

/** `take`: the focus comes here at once, because it was asked for. `folded`: one line, until somebody looks for one. */
interface Props { account: number; locale?: string | null; value: Filling | null; change: (next: Filling | null) => void; close?: () => void; take?: boolean; folded?: boolean }

export function TemplatePicker({ account, locale, value, change, close, take = false, folded = false }: Props) {
  const [back, setBack] = useState(false)
  if (value) return <Places value={value} change={(next) => { setBack(next === null); change(next) }} />
  return <Choice account={account} locale={locale ?? null} pick={(template) => change({ template, values: {} })} close={close} take={take || back} folded={folded} />
}

function Choice({ account, locale, pick, close, take, folded }: {
  account: number; locale: string | null; pick: (t: MessageTemplate) => void; close?: () => void; take: boolean; folded: boolean
}) {
  const { t, i18n } = useTranslation()
  const found = useQuery(messageTemplates(account))
  const [word, setWord] = useState('')
  const [at, setAt] = useState(0)
  const id = useId()
  const list = useMemo(() => {
    const tongue = (locale ?? i18n.language).slice(0, 2)
    const rank = (x: MessageTemplate) => (x.locale.slice(0, 2) === tongue ? 0 : 1)
    const wanted = word.trim().toLowerCase()
    return (found.data ?? []).filter((x) => `${x.name} ${x.body}`.toLowerCase().includes(wanted)).sort((a, b) => rank(a) - rank(b))
  }, [found.data, word, locale, i18n.language])
  useEffect(() => setAt(0), [word])
  const press = (e: KeyboardEvent) => {
    if (e.nativeEvent.isComposing) return
    const item = list[at]
    if (e.key === 'ArrowDown') setAt(Math.min(list.length - 1, at + 1))
    else if (e.key === 'ArrowUp') setAt(Math.max(0, at - 1))
    else if (e.key === 'Enter' && item && !e.ctrlKey && !e.metaKey) pick(item)
    else if (e.key === 'Escape' && word) setWord('')
    else if (e.key === 'Escape' && close) close()
    else if (e.key === 'Escape') e.currentTarget instanceof HTMLElement && e.currentTarget.blur()
    else return
    e.preventDefault()
    e.stopPropagation()
  }
  if (found.isPending) return <div className="tpl"><Loading /></div>
  if (found.isError)
    return (
      <div className="tpl alert" role="alert">
        {explain(found.error)} <Button variant="default" onClick={() => void found.refetch()}>{t('delivery.retry')}</Button>
      </div>
    )
  if (found.data.length === 0) return <p className="tpl mut" data-testid="no-templates">{t('template.none')}</p>
  return (
    <div className="tpl" data-testid="template-picker">
      <TextInput
        size="xs" maxLength={200} leftSection={<Icon name="search" small />} value={word} onChange={(e) => setWord(e.currentTarget.value)} onKeyDown={press}
        role="combobox" aria-expanded={!folded} aria-controls={folded ? undefined : id} aria-activedescendant={!folded && list[at] ? `${id}-${at}` : undefined} aria-autocomplete="list"
        aria-label={t('template.choose')} placeholder={t('template.choose')} autoFocus={take} data-focus data-testid="template-search" mb={4}
      />
      {!folded && <div className="pick" role="listbox" id={id} aria-label={t('template.title')} tabIndex={-1}>
        {list.length === 0 && <div className="mut" role="option" aria-selected="false" aria-disabled="true">{t('template.nothing')}</div>}
        {list.map((x, n) => (
          <div
            key={x.id} id={`${id}-${n}`} role="option" aria-selected={n === at} data-testid="template" data-id={x.id}
            ref={n === at ? (el) => el?.scrollIntoView({ block: 'nearest' }) : undefined}
            onMouseMove={() => setAt(n)} onMouseDown={(e) => e.preventDefault()} onClick={() => pick(x)}
          >
            <div className="hflex"><strong dir="auto" className="cut">{x.name}</strong><span className="meta">{languageName(x.locale.replace('_', '-'))}</span></div>
            <div dir="auto" className="meta clamp2" lang={x.locale.replace('_', '-')}>{x.body}</div>
          </div>
        ))}
      </div>}
    </div>
  )
}

function Places({ value, change }: { value: Filling; change: (next: Filling | null) => void }) {
  const { t } = useTranslation()
  const { template, values } = value
  const names = places(template.body)
  const box = useRef<HTMLDivElement>(null)
  const preview = useRef<HTMLDivElement>(null)
  useEffect(() => (box.current?.querySelector('input') ?? preview.current)?.focus(), [template.id])
  return (
    <div
      className="tpl" ref={box} data-testid="template-form"
      onKeyDown={(e) => {
        if (e.key !== 'Escape' || e.nativeEvent.isComposing) return
        e.preventDefault()
        e.stopPropagation()
        change(null)
      }}
    >
      <div className="hflex">
        <span dir="auto" className="grow cut"><strong>{template.name}</strong> <span className="meta">{languageName(template.locale.replace('_', '-'))}</span></span>
        <button type="button" className="linklike" onClick={() => change(null)} data-testid="other-template">{t('template.other')}</button>
      </div>
      {names.length > 0 && (
        <div className="places">
          {names.map((name) => (
            <TextInput
              key={name} size="xs" label={t('template.place', { name })} maxLength={1000} value={values[name] ?? ''} required withAsterisk={false} data-testid={`place-${name}`}
              placeholder={template.variables[name] ? t('template.example', { example: template.variables[name] }) : undefined}
              onChange={(e) => change({ template, values: { ...values, [name]: e.currentTarget.value } })}
            />
          ))}
        </div>
      )}
      <div
        className="preview" ref={preview} tabIndex={-1} role="region" aria-label={t('template.preview')} data-testid="template-preview" data-focus={names.length === 0 ? '' : undefined}
        lang={template.locale.replace('_', '-')}
      >
        {pieces(template.body, values).map((p, n) =>
          p.place === null ? <span key={n}>{p.text}</span> : <mark key={n} className={p.filled ? '' : 'open'}>{p.text}</mark>,
        )}
      </div>
    </div>
  )
}
