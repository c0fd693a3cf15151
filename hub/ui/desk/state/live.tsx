/** The desk's one socket: frames come in, the query cache changes, nothing else. */
import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react'
import { base } from '../../realtime/base'
import { HubSocket, type Json, type LinkState } from '../../realtime/hub'
import { api, type Board, type Conversation, type Interaction, type Load, type Me, type Offer, type Presence, type QueueLive, type Ref, type Summary } from '../api'
import { can } from './channels'
import { type ListData, matches, withInteraction, withOffer, withoutOffer, withoutRow, withChange, withRow, withSummary } from './reducers'

/** The last event heard on a topic: what is read by REST must not be older. */
export let heardOf: (topic: string) => number = () => 0

type EphListener = (topic: string, type: string, agent: Ref | null) => void

export interface Live {
  state: LinkState
  watch(topic: string, cursor: number): void
  unwatch(topic: string): void
  tell(topic: string, type: 'typing' | 'viewing' | 'left'): void
  onEph(listener: EphListener): () => void
}

const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('useLive outside LiveProvider')
  return live
}

/** Refetch at most once per interval, and once more at its end. */
function throttle(run: () => void, interval: number): () => void {
  let timer = 0
  let last = 0
  return () => {
    const wait = last + interval - Date.now()
    if (timer) return
    timer = window.setTimeout(() => {
      timer = 0
      last = Date.now()
      run()
    }, Math.max(50, wait))
  }
}

function touchLists(client: QueryClient, s: Summary, me: number): void {
  for (const query of client.getQueryCache().findAll({ queryKey: ['list'] })) {
    const filter = query.queryKey[1] as { view: string; channel?: string; q?: string }
    const belongs = matches(s, filter.view, me) && (!filter.channel || filter.channel === s.channel)
    // What was found by its words stays found, where it was.
    client.setQueryData<ListData>(query.queryKey, (old) => (filter.q ? withChange(old, s) : withRow(old, s, belongs)))
  }
}

/** Whether it changes what may be said: a wish, a line of the hub's own about one, or the customer's turn where only templates are sent later. */
const turns = (i: Interaction) =>
  Boolean(i.message?.consent) || (i.kind === 'system' && i.automatic) || (can(i.channel).templates && i.direction === 'in')

class Feed {
  readonly socket: HubSocket
  private readonly eph = new Set<EphListener>()
  private readonly moved = new Map<string, string>()
  private readonly counts: () => void
  private readonly shared: () => void
  private readonly session: () => void
  private wasReady = false

  constructor(
    private readonly client: QueryClient,
    private readonly me: Me,
    private readonly gone: () => void,
    onState: (s: LinkState) => void,
  ) {
    this.counts = throttle(() => void client.invalidateQueries({ queryKey: ['counts'] }), 1_500)
    this.shared = throttle(
      () =>
        void client.invalidateQueries({
          queryKey: ['list'],
          predicate: (q) => (q.queryKey[1] as { view: string }).view !== 'mine', // that one is told of every change
        }),
      2_000,
    )
    this.session = throttle(() => void client.invalidateQueries({ queryKey: ['session'] }), 10_000)
    const url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${base}/ws`
    this.socket = new HubSocket(url, {
      hello: (topics) => ({ t: 'hello', topics }),
      event: (topic, type, data) => this.event(topic, type, data),
      snap: (topic, data) => this.snap(topic, data),
      eph: (topic, type, data) => {
        for (const tell of this.eph) tell(topic, type, (data.agent as Ref | undefined) ?? null)
      },
      reset: (topic) => this.refetch(topic),
      error: (topic, code) => code === 404 && this.lost(topic),
      closed: (code) => {
        if (code !== 4401) return false
        this.gone()
        return true
      },
      state: (s) => {
        // A refused handshake and a broken line look alike; only the session can tell a sign-out.
        if (s === 'waiting') this.session()
        // What happened to the lists while the line was down was not all said on our topics.
        if (s === 'ready' && this.wasReady) this.shared()
        this.wasReady ||= s === 'ready'
        onState(s)
      },
    })
    heardOf = (topic) => this.socket.cursor(topic) ?? 0
    this.socket.seed(me.topic, me.seq)
    for (const q of me.queues) this.socket.seed(`q:${q.id}`, 0)
    // Whoever sees everything has lists of all queues.
    if (me.permissions['conversation.read'] === 'all') void api.queues().then(({ items }) => this.hear(items), () => undefined)
  }

  /** Hear of these queues as well, one after the other: a screen that says much at once is hung up on. */
  private hear(queues: { id: number }[]): void {
    queues.filter((q) => this.socket.cursor(`q:${q.id}`) === undefined).forEach((q, n) => window.setTimeout(() => this.socket.sub(`q:${q.id}`, 0), 200 * n))
  }

  listen(f: EphListener): () => void {
    this.eph.add(f)
    return () => this.eph.delete(f)
  }

  private event(topic: string, type: string, data: Json): void {
    if (topic.startsWith('c:')) this.conversation(Number(topic.slice(2)), type, data)
    else this.mine(type, data)
  }

  private conversation(id: number, type: string, data: Json): void {
    const key = ['conversation', id]
    if (type === 'conversation.updated') this.summary(data.conversation as Summary | undefined)
    else if (type.startsWith('interaction.')) {
      const interaction = data.interaction as Interaction | undefined
      if (type === 'interaction.created') {
        void this.client.invalidateQueries({ queryKey: ['timeline'] })
        if (interaction && turns(interaction)) this.reachAgain(id)
      }
      if (!interaction) return this.refetch(`c:${id}`)
      this.client.setQueryData<Conversation>(key, (c) => c && withInteraction(c, interaction))
    }
  }

  /** How and whether the customer may be written to is read again. */
  private reachAgain(id: number): void {
    for (const key of [['conversation', id], ['consent'], ['contact']]) void this.client.invalidateQueries({ queryKey: key })
  }

  private mine(type: string, data: Json): void {
    if (type.startsWith('call.')) return void this.client.invalidateQueries({ queryKey: ['calls'] })
    switch (type) {
      case 'offer.created':
        void this.client.invalidateQueries({ queryKey: ['session'] }) // the load counts what is on offer
        if (data.offer) {
          this.client.setQueryData<Offer[]>(['offers'], (old) => withOffer(old ?? [], data.offer as Offer, Date.now()))
        } else void this.client.invalidateQueries({ queryKey: ['offers'] })
        break
      case 'offer.ended':
        void this.client.invalidateQueries({ queryKey: ['session'] })
        this.client.setQueryData<Offer[]>(['offers'], (old) => withoutOffer(old ?? [], data.offer_id as number))
        break
      case 'conversation.assigned':
      case 'conversation.updated':
        this.summary(data.conversation as Summary | undefined)
        break
      case 'conversation.unassigned': {
        const id = data.conversation_id as number
        this.client.setQueriesData<ListData>(
          { queryKey: ['list'], predicate: (q) => (q.queryKey[1] as { view: string }).view === 'mine' },
          (old) => withoutRow(old, id),
        )
        void this.client.invalidateQueries({ queryKey: ['conversation', id] })
        break
      }
      case 'agent.queues_changed':
        void api.session().then((m) => this.hear(m.queues), () => undefined)
        void this.client.invalidateQueries({ queryKey: ['session'] })
        break
      case 'agent.role_changed':
        // A customer's name and words leave the screen with the right to them; what is still ours is read again.
        this.client.setQueryData<Offer[]>(['offers'], [])
        void this.client.invalidateQueries({ queryKey: ['session'] }).then(() => {
          const now = this.client.getQueryData<Me | null>(['session'])
          if (now && 'conversation.handle' in now.permissions) void this.client.invalidateQueries({ queryKey: ['offers'] })
        })
        return // what is shown follows from it; the rest may not be ours to ask for any more
      case 'presence.changed':
        this.client.setQueryData<Me>(['session'], (m) =>
          m ? { ...m, presence: (data.presence as Presence | undefined) ?? m.presence, load: (data.load as Load | undefined) ?? m.load } : m,
        )
        break
    }
    this.counts()
    this.shared()
  }

  private summary(s: Summary | undefined): void {
    if (!s) {
      void this.client.invalidateQueries({ queryKey: ['list'] })
      return
    }
    const before = this.client.getQueryData<Conversation>(['conversation', s.id])
    this.client.setQueryData<Conversation>(['conversation', s.id], (c) => c && withSummary(c, s))
    // How many matters the customer has open stands beside them.
    if (before && before.status !== s.status) void this.client.invalidateQueries({ queryKey: ['contact', s.contact.id] })
    touchLists(this.client, s, this.me.agent.id)
    this.counts()
  }

  private snap(topic: string, data: Json): void {
    if (topic === 'wall') {
      const board = ('board' in data ? data.board : data) as Board
      this.client.setQueryData<Board>(['board'], board)
    } else if (topic.startsWith('q:')) {
      const queue = data.queue as QueueLive
      this.client.setQueryData<QueueLive[]>(['queues'], (old) => old?.map((q) => (q.id === queue.id ? { ...q, ...queue } : q)))
      // Snapshots come every second; only a queue that moved, or in whose conversations something has happened, is worth
      // a look at the lists.
      const now = [queue.waiting, queue.offered, queue.assigned, queue.answered, queue.abandoned, queue.changes].join()
      if (this.moved.get(topic) !== now && this.moved.has(topic)) {
        this.counts()
        this.shared()
      }
      this.moved.set(topic, now)
    }
  }

  /** A conversation that is no longer ours to see leaves the screen with all that was kept of it. */
  private lost(topic: string): void {
    if (!topic.startsWith('c:')) return
    const id = Number(topic.slice(2))
    void this.client.resetQueries({ queryKey: ['conversation', id] })
    this.client.setQueriesData<ListData>({ queryKey: ['list'] }, (old) => withoutRow(old, id))
    for (const key of [['timeline'], ['counts'], ['list']]) void this.client.invalidateQueries({ queryKey: key })
  }

  private refetch(topic: string): void {
    if (topic.startsWith('c:')) {
      void this.client.invalidateQueries({ queryKey: ['conversation', Number(topic.slice(2))] })
    } else if (topic === this.me.topic) {
      for (const key of [['offers'], ['counts'], ['list'], ['session']]) void this.client.invalidateQueries({ queryKey: key })
    }
  }
}

export function LiveProvider({ me, children }: { me: Me; children: ReactNode }) {
  const client = useQueryClient()
  const [state, setState] = useState<LinkState>('connecting')
  const [feed, setFeed] = useState<Feed | null>(null)
  const id = me.agent.id

  useEffect(() => {
    const gone = () => void client.invalidateQueries({ queryKey: ['session'] })
    const fresh = new Feed(client, me, gone, setState)
    setFeed(fresh)
    fresh.socket.start()
    return () => fresh.socket.stop()
    // One feed per signed-in person: the cursors inside outlive every refetch of `me`.
  }, [client, id])

  const live = useMemo<Live>(
    () => ({
      state,
      watch: (topic, cursor) => feed?.socket.sub(topic, cursor),
      unwatch: (topic) => feed?.socket.unsub(topic),
      tell: (topic, type) => void feed?.socket.send({ t: 'eph', topic, type, data: {} }),
      onEph: (f) => feed?.listen(f) ?? (() => undefined),
    }),
    [feed, state],
  )
  return <LiveContext.Provider value={live}>{children}</LiveContext.Provider>
}
