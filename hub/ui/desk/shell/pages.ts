/** The pages of the desk in the order in which they are shown, and what opens each. */
import { type IconName } from '../parts/icons'

export const pages: { to: '/inbox/$view' | '/contacts' | '/board' | '/mailboxes' | '/numbers' | '/unsettled' | '/admin'; name: string; icon: IconName; needs: string[] }[] = [
  { to: '/inbox/$view', name: 'inbox', icon: 'inbox', needs: ['conversation.read'] },
  { to: '/contacts', name: 'contacts', icon: 'people', needs: ['contact.read'] },
  { to: '/board', name: 'board', icon: 'board', needs: ['board.read'] },
  { to: '/mailboxes', name: 'mailboxes', icon: 'mail', needs: ['channel.manage'] },
  { to: '/numbers', name: 'numbers', icon: 'sms', needs: ['channel.read'] },
  { to: '/unsettled', name: 'unsettled', icon: 'warn', needs: ['send.settle'] },
  { to: '/admin', name: 'admin', icon: 'gear', needs: ['queue.manage', 'role.manage'] },
]

/** What a path without a page of its own leads to: numbers before people for who reads no conversations. */
export function firstPage(may: (permission: string) => boolean) {
  const mine = pages.filter((p) => p.needs.some(may))
  return mine.find((p) => p.name === 'inbox') ?? mine.find((p) => p.name === 'board') ?? mine.find((p) => p.name === 'admin') ?? mine[0]
}

export const pageAt = (path: string) => pages.find((p) => path === `/${p.name}` || path.startsWith(`/${p.name}/`))

/** The views of the inbox that have names; a queue's is `q-` and its number. */
export const VIEWS = ['mine', 'waiting', 'snoozed', 'resolved', 'all']
export const isView = (view: string) => VIEWS.includes(view) || /^q-\d+$/.test(view)

/** The view of the inbox that an address names: what the list shows, and what the title and the bars say. */
export const viewAt = (path: string): string | null => /^\/inbox\/([^/]+)/.exec(path)?.[1] ?? null
