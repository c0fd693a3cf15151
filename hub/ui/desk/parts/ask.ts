import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import i18n from 'i18next'
import type { FieldProblem } from '../../api/schema'
import { type Conversation, Problem, type Summary } from '../api'
import { keepEarlier, withSummary } from '../state/reducers'

/** A failure in the reader's words, by its code; else what happened, and what to do, in the server's sentence. */
export function explain(error: unknown): string {
  if (!(error instanceof Problem)) return i18n.t('error.unknown')
  if (error.status === 0) return i18n.t('error.offline')
  if (i18n.exists(`problem.${error.code}`)) return i18n.t(`problem.${error.code}`, error.params)
  const known = error.errors.map((e) => worded(e))
  if (known.length && known.every(Boolean)) return [...new Set(known)].join(' ')
  const fields = error.errors.map((e) => e.message).join(' ')
  return [error.message || i18n.t('error.unknown'), fields, error.remedy].filter(Boolean).join(' ')
}

/** What is wrong with a field, by its code; null when this desk has no words for it. */
function worded({ code, params = {} }: FieldProblem): string | null {
  const given: Record<string, unknown> = { ...params, count: params.max ?? params.min }
  const key = [`field.${code}.${params.form}`, `field.${code}`].find((k) => i18n.exists(k, given))
  return key ? String(i18n.t(key, given)) : null
}

/** The same beside the field itself; what only the whole refusal says is said there by that. */
export function wrong(error: unknown, field: string): string | undefined {
  if (!(error instanceof Problem)) return undefined
  const found = error.errors.find((e) => e.field === field || e.field.endsWith(`.${field}`))
  return found && (worded(found) ?? (i18n.exists(`problem.${error.code}`) ? explain(error) : found.message))
}

/** What stands above a form: that fields are marked, or what no field of these names says. */
export function above(error: unknown, places: RegExp): string {
  const all = error instanceof Problem && error.errors.length > 0 && error.errors.every((e) => places.test(e.field))
  return all && !i18n.exists(`problem.${error.code}`) ? i18n.t('error.fields') : explain(error)
}

export function complain(error: unknown): void {
  notifications.show({ color: 'red', message: explain(error), autoClose: 8000 })
}

export function say(message: string): void {
  notifications.show({ color: 'green', message, autoClose: 2500 })
}

/** Keep what an action answered: the whole conversation, or only its summary when it may have left our sight. */
export function store(client: QueryClient, c: Conversation | Summary): void {
  client.setQueryData<Conversation>(['conversation', c.id], (old) => ('interactions' in c ? keepEarlier(old, c) : old && withSummary(old, c)))
  for (const key of [['list'], ['counts'], ['decisions', c.id], ['session']]) void client.invalidateQueries({ queryKey: key })
}

/** An action on a conversation: the answer goes to the cache, a refusal to the reader. */
export function useAct<V>(run: (v: V) => Promise<Conversation | Summary>, then?: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: run,
    onSuccess: (c) => {
      store(client, c)
      then?.()
    },
    onError: complain,
  })
}
