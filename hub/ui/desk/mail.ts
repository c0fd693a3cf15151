/** The part of the REST contract that is about mail: what to know before writing, taking back, and mailboxes. */
import { queryOptions } from '@tanstack/react-query'
import { call, type Ref, type Silent, type Upload } from './api'

export interface Composing {
  everybody: string[]; answer_all: boolean; reply_to: string | null; signatures: { account_id: number; text: string }[]
  max_file_bytes: number; scheduled: { interaction_id: number; due_at: string; text: string; channel: string }[]
}
export interface Draft {
  text: string; html: string | null; subject: string; channel: string; cc: string[]; bcc: string[]; attachments: Upload[]
}
export type Tls = 'tls' | 'starttls' | 'none'
export interface Server { host: string; port: number; tls: Tls; user?: string | null; [more: string]: unknown }
export interface MailboxSettings { imap?: Server | null; smtp?: Server | null; forms?: string[]; plus_addresses?: boolean; [more: string]: unknown }
export interface Mailbox {
  id: number; key: string; name: string; address: string | null; enabled: boolean; queue: Ref | null; signature: string
  settings: MailboxSettings; secrets: string[]
  health: {
    last_fetch: string | null; lag_seconds: number | null; error: string | null; failed_at: string | null; waiting: number | null
    listening: string | null; progress: { done: number; total: number | null } | null; sending: Silent | null
  }
}
export interface Discovered {
  provider: string; source: 'table' | 'dns' | 'guess'; imap: Server; smtp: Server; sign_in: 'password' | 'app_password' | 'oauth'; help_url: string
}
export interface Check { part: 'imap' | 'smtp' | 'listener' | 'settings'; ok: boolean; code: string; detail: string; remedy: string }
export interface Reconciled {
  folder: string; on_server: number; stored: number; unwanted: number; missing: number; refetched: number
  differences: { uid: number; size: number; received: string | null; sender: string; subject: string }[]
}
export interface MailboxBody {
  name?: string; address?: string; queue_id?: number; signature?: string; enabled?: boolean; settings?: MailboxSettings
  secrets?: Record<string, string | null>
}

export const mail = {
  cancel: (conversation: number, interaction: number) =>
    call<Draft>('POST', `/conversations/${conversation}/interactions/${interaction}/cancel`, {}),
  add: (body: MailboxBody) => call<Mailbox>('POST', '/mailboxes', body),
  change: (id: number, body: MailboxBody) => call<Mailbox>('PATCH', `/mailboxes/${id}`, body),
  discover: (address: string) => call<Discovered>('POST', '/mailboxes/discover', { address }),
  attempt: (body: MailboxBody & { account_id?: number }) => call<{ items: Check[] }>('POST', '/mailboxes/test', body),
  test: (id: number) => call<{ items: Check[] }>('POST', `/mailboxes/${id}/test`, {}),
  reconcile: (id: number, refetch: boolean) => call<Reconciled>('POST', `/mailboxes/${id}/reconcile`, { refetch }),
}

/** Asked again whenever something was said (`seq`). */
export const composing = (conversation: number, seq: number) =>
  queryOptions({
    queryKey: ['composing', conversation, seq],
    queryFn: () => call<Composing>('GET', `/conversations/${conversation}/composing`),
    staleTime: 15_000,
  })
export const mailboxes = queryOptions({
  queryKey: ['mailboxes'],
  queryFn: async () => (await call<{ items: Mailbox[] }>('GET', '/mailboxes')).items,
  refetchInterval: 5_000,
})
