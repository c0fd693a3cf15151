import { notifications } from '@mantine/notifications'
import { useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import i18n from 'i18next'
import { type Conversation, Problem, type Summary } from '../api'
import { keepEarlier, withSummary } from '../state/reducers'

/** A failure in the reader's words, by its code; else what happened, and what to do, in the server's sentence. */
export function explain(error: unknown): string {
  if (!(error instanceof Problem)) return i18n.t('error.unknown')
  if (error.status === 0) return i18n.t('error.offline')
  if (i18n.exists(`problem.${error.code}`)) return i18n.t(`problem.${error.code}`, error.params)
  const fields = error.errors.map((e) => e.message).join(' ')
  return [error.message || i18n.t('error.unknown'), fields, error.remedy].filter(Boolean).join(' ')
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
