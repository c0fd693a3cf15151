/**
 * What the page and the frame say to each other over a MessageChannel. The visitor's token lives in the page's own
 * storage: a frame from another site gets storage that browsers partition or throw away.
 */
export interface Identity { name?: string; email?: string; token?: string }

/** Whose thread is to be shown and what is kept of it. `turn` counts identities and sign-outs of this page. */
export interface Opening {
  hub: 1; turn: number; token: string | null; outbox: string | null; draft: string | null; rated: number; identity: Identity | null
  /** Whether the page is written from right to left. */
  rtl: boolean
}

/** Page to frame. `opening` is another person, or nobody; `identity` more about the same one. */
export type ToFrame =
  | { t: 'shown'; open: boolean }
  | { t: 'identity'; identity: Identity }
  | { t: 'opening'; opening: Opening; leave: boolean }
  | { t: 'focus' }

/** Frame to page. What is to be kept says for which turn: a late word about one visitor is not kept for the next. */
export type ToPage =
  | { t: 'token'; turn: number; token: string | null }
  | { t: 'outbox'; turn: number; outbox: string | null }
  | { t: 'draft'; turn: number; draft: string | null }
  | { t: 'rated'; turn: number; seq: number }
  | { t: 'unread'; turn: number; count: number }
  | { t: 'refused'; turn: number; code: string; detail: string }
  | { t: 'close' }
  | { t: 'event'; name: string; detail: unknown }
