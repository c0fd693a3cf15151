/**
 * What the page and the frame say to each other over a MessageChannel. The visitor's token lives in the page's own
 * storage: a frame from another site gets storage that browsers partition or throw away.
 */
export interface Opening { hub: 1; token: string | null; outbox: string | null; rated: number; identity: Identity | null }
export interface Identity { name?: string; email?: string }

/** Page to frame. */
export type ToFrame = { t: 'shown'; open: boolean } | { t: 'identify'; identity: Identity } | { t: 'logout' } | { t: 'focus' }

/** Frame to page. */
export type ToPage =
  | { t: 'token'; token: string | null }
  | { t: 'outbox'; outbox: string | null }
  | { t: 'rated'; seq: number }
  | { t: 'unread'; count: number }
  | { t: 'close' }
  | { t: 'event'; name: string; detail: unknown }
