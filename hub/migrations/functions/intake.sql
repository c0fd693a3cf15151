-- Takes in a batch of translated messages in one round trip: raw bytes, contact by address, conversation by thread,
-- interaction, queue entry and events. Set-based, so that a hundred cost little more than one. Called by hub/messages/intake.py.
--
-- What came stays in `items`; what is found on the way (ids and short words) is kept beside it in `places`, so that
-- texts are parsed once and copied no more than needed. An element of `items` is never asked for by its number: the
-- array is searched from its beginning each time, which would make a batch cost its square.
--
-- What is looked up by key is looked up in a `lateral (… offset 0)`: a plan is made once and kept, and made while tables
-- were small it would read them whole and join afterwards.
--
-- Several statements, not one: each sees what others committed while it waited for a lock. And as few as that allows,
-- each skipped when there is nothing for it: at a few messages a call, most of the time is the preparation of plans.
-- Locks in the house's order: raw, address, conversation, queue_entry, agent_state; each set sorted.

create type intake_item as (
    n int, account_id bigint, connector text, dedup_key text, raw_type text,
    kind text, address text, number text, name text, subject text, text text, html text,
    external_id text, refs text[], hint bigint, session boolean, verified boolean, automatic boolean,
    locale text, at timestamptz, meta jsonb, channel text, quiet text, -- see hub/channels/quiet.py
    page_version int, page_own text, page_whole text, page_pictures text[], page_error text
);

-- Somebody new who has a number; once that is known, `number` is the contact it belongs to.
create type intake_caller as (kind text, address text, number text);

create type intake_place as (
    n int, raw_id bigint, account_id bigint, channel text, session boolean, automatic boolean,
    address_id bigint, contact_id bigint, contact_name text,
    conversation_id bigint, is_new boolean, seq bigint, is_last boolean, interaction_id bigint, event_id bigint
);

-- Where a conversation goes from here: to the agent who has it, or to a queue.
create type intake_end as (conversation_id bigint, agent_id bigint, agent_seq bigint, entry_id bigint, queue_id bigint);

create function intake(batch json, bodies bytea[], reopen_days int)
returns table (
    n int, duplicate boolean, raw_id bigint, interaction_id bigint, conversation_id bigint, seq bigint,
    contact_id bigint, contact_name text, address_id bigint, event_id bigint, is_new boolean, entry_id bigint,
    queue_id bigint, agent_id bigint, agent_seq bigint, at timestamptz, entry text -- as the router reads it, JSON
)
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
set cpu_index_tuple_cost = 10 -- to walk a whole index is never cheap, however short it was when that was planned
set enable_hashjoin = on   -- of the batch's own parts, whatever the caller's connection is set to
set enable_mergejoin = on
set enable_material = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
#variable_conflict use_column
declare
    items   intake_item[];  -- what came, in order of n
    places  intake_place[]; -- the fresh ones
    old     bigint[];       -- conversations that were here before
    begins  boolean;        -- whether there are new ones
    asks    boolean;        -- whether some say themselves where they belong
    quiets  boolean;        -- whether some may be nobody's work
    hushed  int[] := '{}';  -- and those that are not: `automatic` for all that follows, and stored as a person's
    mails   boolean;        -- whether some are mails with an id of their own
    copies  int[];          -- mails that another mailbox of ours has brought already
    callers intake_caller[]; -- who is new and has a telephone number
    answers bigint[];       -- and where, in order of n
    queues  boolean := false; -- whether some that were here wait in no queue
    on_desk boolean := false; -- whether agents have some before them
    calm    bigint[];       -- whose customers were silent, so that they weighed nothing
    woken   bigint[];       -- their entries, while it is seen whose agents have room for them
    freed   bigint[];       -- and those of them that their agents have no room for now
    ends    intake_end[];   -- those agents, and the place on their topic; and what is queued now
    moment  timestamptz := clock_timestamp();
begin
    select array_agg(i order by i.n), coalesce(bool_or(i.hint is not null or i.refs <> '{}'), false),
           coalesce(bool_or(i.channel = 'email' and i.external_id is not null), false), bool_or(i.quiet is not null)
    into items, asks, mails, quiets
    from json_populate_recordset(null::intake_item, batch) i;

    -- Whose the numbers of newcomers are, held in order. Asked by itself: a plan for all would ask about everybody.
    select array_agg(distinct (i.kind, i.address, i.number)::intake_caller) into callers
    from unnest(items) i
    where i.kind in ('phone', 'whatsapp') and not exists (select from address a where a.kind = i.kind and a.value = i.address offset 0);
    if callers is not null then
        select array_agg((w.kind, w.address, person_of(w.kind, w.address, w.number)::text)::intake_caller) into callers
        from (select c.* from unnest(callers) c order by coalesce(c.number, c.address), c.kind, c.address offset 0) w;
    end if;

    -- 1. The bytes, under the sender's own key. Then who: the address decides; an unknown one makes a new contact. The
    --    row lock keeps one person's messages in line. `wanted` is sorted, so all bytes lie there before the first lock.
    with stored as (
        insert into raw (account_id, connector, dedup_key, content_type, body, meta)
        select i.account_id, i.connector, i.dedup_key, i.raw_type, bodies[i.n + 1], coalesce(i.meta, '{}')
        from unnest(items) i order by i.connector, i.account_id, i.dedup_key
        on conflict do nothing
        returning id, account_id, connector, dedup_key
    ), fresh as (
        select distinct on (s.id) s.id, i.n, i.account_id, i.channel, i.session, i.automatic, i.kind, i.address,
               i.verified, i.name, i.locale
        from stored s join unnest(items) i on (i.account_id, i.connector, i.dedup_key) = (s.account_id, s.connector, s.dedup_key)
        order by s.id, i.n
    ), wanted as (
        select f.kind, f.address, bool_or(f.verified) as verified, (array_agg(coalesce(f.name, '') order by f.n))[1] as name,
               (array_agg(f.locale order by f.n))[1] as locale
        from fresh f group by f.kind, f.address order by f.kind, f.address
    ), known as (
        insert into address as a (contact_id, kind, value, verified_at)
        select coalesce(c.number::bigint, nextval('contact_id_seq')), w.kind, w.address, case when w.verified then moment end
        from wanted w
        left join unnest(callers) c on (c.kind, c.address) = (w.kind, w.address)
        order by w.kind, w.address
        on conflict (kind, value) do update set verified_at = coalesce(a.verified_at, excluded.verified_at)
        returning a.id, a.contact_id, a.kind, a.value, (xmax = 0) as created
    ), made as (
        insert into contact (id, root_id, name, locale) overriding system value
        select distinct on (k.contact_id) k.contact_id, k.contact_id, w.name, w.locale
        from known k join wanted w on (w.kind, w.address) = (k.kind, k.value) where k.created
        order by k.contact_id, w.name = '', k.id
        on conflict (id) do nothing -- somebody whom we know by another way already
    )
    select array_agg((f.n, f.id, f.account_id, f.channel, f.session, f.automatic, k.id, k.contact_id, null, null, null, null,
               null, null, null)::intake_place order by f.n)
    into places
    from fresh f join known k on (k.kind, k.value) = (f.kind, f.address);

    if coalesce(cardinality(places), 0) < cardinality(items) then
        return query
            select i.n, true, r.id, x.id, x.conversation_id, x.seq, x.contact_id, null::text, null::bigint, null::bigint,
                   false, null::bigint, null::bigint, null::bigint, null::bigint, moment, null::text
            from unnest(items) i
            cross join lateral (
                select r.id from raw r
                where (r.connector, r.account_id, r.dedup_key) = (i.connector, i.account_id, i.dedup_key) offset 0
            ) r
            left join lateral (
                select t.id, t.conversation_id, t.seq, t.contact_id from interaction t where t.raw_id = r.id limit 1
            ) x on true
            where not exists (select from unnest(places) p where p.n = i.n);
        if places is null then
            return;
        end if;
    end if;

    -- One mail to two mailboxes of ours is one message: the same bytes but for what servers add, from the same address.
    -- Whichever came first has it; the sender's row, locked above, keeps two that come at once in line.
    if mails then
        select array_agg(p.n) into copies
        from unnest(places) p
        join unnest(items) i on i.n = p.n
        cross join lateral (
            select t.id from interaction t
            cross join lateral (select r.account_id, r.dedup_key from raw r where r.id = t.raw_id offset 0) r
            where t.external_id = i.external_id and t.address_id = p.address_id and t.direction = 'in'
              and r.dedup_key = i.dedup_key and r.account_id <> p.account_id
            limit 1
        ) x
        where i.channel = 'email' and i.external_id is not null;
    end if;
    if copies is not null then
        return query
            select p.n, true, p.raw_id, x.id, x.conversation_id, x.seq, x.contact_id, null::text, null::bigint, null::bigint,
                   false, null::bigint, null::bigint, null::bigint, null::bigint, moment, null::text
            from unnest(places) p
            join unnest(items) i on i.n = p.n
            cross join lateral (
                select t.id, t.conversation_id, t.seq, t.contact_id from interaction t
                cross join lateral (select r.account_id, r.dedup_key from raw r where r.id = t.raw_id offset 0) r
                where t.external_id = i.external_id and t.address_id = p.address_id and t.direction = 'in'
                  and r.dedup_key = i.dedup_key and r.account_id <> p.account_id
                order by t.id limit 1
            ) x
            where p.n = any(copies);
        select array_agg(p order by p.n) into places from unnest(places) p where p.n <> all(copies);
        if places is null then
            return;
        end if;
    end if;
    if mails and not asks then
        asks := exists (
            select from unnest(items) i
            cross join lateral (select e.answer from early_answer e where e.reference = i.external_id offset 0) e
            where i.channel = 'email' and i.external_id is not null);
    end if;

    -- 2. Which matter: a signed reply address, then what it answers (or what answered it, if that came first), then the
    --    running thread of this address. A new matter else.
    if asks then
        select array_agg(coalesce(hint.id, answered.id) order by i.n) into answers
        from unnest(items) i
        left join unnest(places) p on p.n = i.n
        left join lateral (select c.root_id from contact c where c.id = p.contact_id offset 0) mine on true
        left join lateral (
            select v.id from conversation v
            where v.id = i.hint and (v.status <> 'resolved' or v.resolved_at > moment - make_interval(days => reopen_days))
            offset 0
        ) hint on true
        left join lateral (
            select v.id
            from unnest(i.refs || case when i.channel = 'email' then array(
                select e.answer from early_answer e where e.reference = i.external_id) end) with ordinality as r (reference, position)
            cross join lateral (
                select x.conversation_id, x.meta, x.address_id from interaction x where x.external_id = r.reference offset 0
            ) x
            cross join lateral (
                select v.id, v.status, v.resolved_at, v.contact_id from conversation v where v.id = x.conversation_id offset 0
            ) v
            cross join lateral (select c.root_id from contact c where c.id = v.contact_id offset 0) c
            where (v.status <> 'resolved' or v.resolved_at > moment - make_interval(days => reopen_days))
              -- what quotes an old message stays in the conversation that is going on
              and not (p.session and exists (
                  select from thread t join conversation l on l.id = t.conversation_id and l.status <> 'resolved'
                  where t.account_id = p.account_id and t.address_id = p.address_id))
              and (c.root_id = mine.root_id
                  or exists (select from interaction q where q.conversation_id = v.id and q.address_id = p.address_id)
                  or exists ( -- whom the mail that is answered went to, too, has part in the matter
                      select from (values ('$.to[*]'::jsonpath), ('$.cc[*]'), ('$.bcc[*]')) as field (path)
                      cross join lateral jsonb_path_query(x.meta, field.path) as named (address)
                      where lower(named.address #>> '{}') = i.address)
                  or (r.position > cardinality(i.refs) and exists ( -- who answered ahead was asked by this mail
                      select from (values ('$.to[*]'::jsonpath), ('$.cc[*]')) as field (path)
                      cross join lateral jsonb_path_query(i.meta, field.path) as named (address)
                      join address a on a.id = x.address_id and a.value = lower(named.address #>> '{}'))))
            order by r.position limit 1
        ) answered on hint.id is null;
    end if;
    if quiets then -- a reaction, and the answer to our question how it was, belong where they were asked for, if that is over
        select array_agg(coalesce(answers[i.n + 1], case when i.quiet in ('reaction', 'nod') or survey_open(t.conversation_id, reopen_days)
                                                         then t.conversation_id end) order by i.n) into answers
        from unnest(items) i
        left join unnest(places) p on p.n = i.n
        left join lateral (
            select t.conversation_id from thread t
            where t.account_id = p.account_id and t.address_id = p.address_id and p.session and i.quiet is not null offset 0
        ) t on true;
    end if;
    select array_agg((x.n, x.raw_id, x.account_id, x.channel, x.session, x.automatic, x.address_id, x.contact_id,
               x.contact_name, x.conversation_id, x.conversation_id is null, null, null, null, null)::intake_place order by x.n),
           array_agg(distinct x.conversation_id order by x.conversation_id) filter (where x.conversation_id is not null),
           bool_or(x.conversation_id is null)
    into places, old, begins
    from (
        select p.n, p.raw_id, p.account_id, p.channel, p.session, p.automatic, p.address_id, p.contact_id,
               coalesce(nullif(mine.name, ''), root.name) as contact_name,
               coalesce(answers[p.n + 1], running.id) as conversation_id
        from unnest(places) p
        cross join lateral (select c.name, c.root_id from contact c where c.id = p.contact_id offset 0) mine
        cross join lateral (select c.name from contact c where c.id = mine.root_id offset 0) root
        left join lateral (
            select t.conversation_id from thread t
            where t.account_id = p.account_id and t.address_id = p.address_id and p.session and answers[p.n + 1] is null
            offset 0
        ) t on true
        left join lateral (
            select v.id from conversation v
            where v.id = t.conversation_id and (v.status <> 'resolved' or v.resolved_at > moment - interval '1 day')
            offset 0
        ) running on true
    ) x;
    if quiets then -- they open nothing, wait nowhere and start no clock where nobody has to do anything about them
        select coalesce(array_agg(p.n), '{}') into hushed
        from unnest(places) p
        join unnest(items) i on i.n = p.n
        cross join lateral (select v.status from conversation v where v.id = p.conversation_id offset 0) v
        where i.quiet = 'reaction' or (i.quiet = 'nod' and v.status = 'resolved')
            or (i.quiet = 'score' and v.status = 'resolved' and survey_open(p.conversation_id, reopen_days));
        select array_agg((p.n, p.raw_id, p.account_id, p.channel, p.session, p.automatic or p.n = any(hushed), p.address_id,
                   p.contact_id, p.contact_name, p.conversation_id, p.is_new, null, null, null, null)::intake_place order by p.n)
        into places from unnest(places) p;
    end if;

    -- 3. The conversations: new ones begin with all their messages counted (on channels without threads, several
    --    messages of one address in this batch share one), old ones are locked in order of id and moved. A
    --    conversation's seq is the order of the topic c:{id}.
    if begins then
        with begun as (
            select p.*, min(p.n) over (partition by p.account_id, p.address_id, case when p.session then -1 else p.n end) as leader
            from unnest(places) p where p.is_new
        ), numbered as (
            select b.*, case when b.n = b.leader then nextval('conversation_id_seq') end as given from begun b
        ), placed as (
            select m.n, m.raw_id, m.account_id, m.channel, m.session, m.automatic, m.address_id, m.contact_id, m.contact_name,
                   max(m.given) over same as id, row_number() over (partition by m.leader order by m.n) as seq,
                   count(*) over same as messages, max(m.n) over same as last_n, bool_or(not m.automatic) over same as human
            from numbered m window same as (partition by m.leader)
        ), made as (
            insert into conversation (id, contact_id, account_id, channel, subject, queue_id, seq, interaction_seq, preview,
                last_inbound_at, waiting_since, created_at, updated_at) overriding system value
            select f.id, f.contact_id, f.account_id, f.channel, i.subject, a.queue_id, f.messages, f.messages,
                   left(l.text, 200), moment, case when f.human then moment end, moment, moment
            from placed f
            join unnest(items) i on i.n = f.n
            join unnest(items) l on l.n = f.last_n
            cross join lateral (
                select coalesce(a.queue_id, (select min(q.id) from queue q where q.archived_at is null)) as queue_id
                from account a where a.id = f.account_id offset 0
            ) a
            where f.seq = 1
        )
        select array_agg(f.place order by (f.place).n) into places
        from (
            select (x.n, x.raw_id, x.account_id, x.channel, x.session, x.automatic, x.address_id, x.contact_id, x.contact_name,
                    x.id, true, x.seq, x.seq = x.messages, nextval('interaction_id_seq'), nextval('event_id_seq'))::intake_place as place
            from placed x
            union all
            select p::intake_place from unnest(places) p where not p.is_new
        ) f;
    end if;
    if old is not null then
        with locked as (
            select v.id, v.agent_id, v.waiting_since from conversation v where v.id = any(old) order by v.id for no key update
        )
        select bool_or(l.agent_id is not null), array_agg(e.conversation_id) filter (where e.conversation_id is not null)
        into on_desk, calm
        from locked l
        left join lateral (
            select r.conversation_id from queue_entry r
            where r.conversation_id = l.id and r.state <> 'closed' and r.resting and r.state || '' = 'assigned'
              and l.waiting_since is null and l.agent_id is not null
            offset 0
        ) e on true;
        with touched as (
            select p.conversation_id, count(*) as messages, bool_or(not p.automatic) as human, max(p.n) as last_n
            from unnest(places) p where not p.is_new group by p.conversation_id
        ), moved as (
            update conversation v set
                seq = v.seq + t.messages,
                interaction_seq = v.seq + t.messages,
                preview = left(l.text, 200),
                channel = l.channel,
                last_inbound_at = moment,
                waiting_since = case when t.human then coalesce(v.waiting_since, moment) else v.waiting_since end,
                status = case when t.human then 'open' else v.status end,
                reopened = v.reopened + (t.human and v.status = 'resolved')::int,
                snoozed_until = case when t.human then null else v.snoozed_until end,
                updated_at = moment
            from touched t join unnest(items) l on l.n = t.last_n
            where v.id = t.conversation_id
            returning v.id, v.seq - t.messages as base, t.last_n,
                t.human and not exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' offset 0) as idle
        )
        select array_agg((x.n, x.raw_id, x.account_id, x.channel, x.session, x.automatic, x.address_id, x.contact_id,
                   x.contact_name, x.conversation_id, x.is_new, coalesce(x.seq, x.base + x.position),
                   coalesce(x.is_last, x.n = x.last_n), coalesce(x.interaction_id, nextval('interaction_id_seq')),
                   coalesce(x.event_id, nextval('event_id_seq')))::intake_place order by x.n),
               bool_or(coalesce(x.idle, false))
        into places, queues
        from (
            select p.*, m.base, m.last_n, m.idle, row_number() over (partition by p.conversation_id order by p.n) as position
            from unnest(places) p left join moved m on m.id = p.conversation_id
        ) x;
    end if;

    -- What answers mails that are not here yet, the nearest five: when one comes, it will look for its answer.
    if asks then
        insert into early_answer (reference, answer)
        select r.reference, i.external_id
        from unnest(places) p join unnest(items) i on i.n = p.n
        cross join lateral (select distinct one as reference from unnest(i.refs[1:5]) as one) r
        where i.channel = 'email' and i.external_id is not null and not p.automatic
          and not exists (select from interaction x where x.external_id = r.reference offset 0)
        order by 1, 2 -- keys in one order, so that two batches never wait for each other
        on conflict do nothing;
        if found then
            delete from early_answer e
            using (select o.reference, o.answer from early_answer o where o.at < moment - interval '14 days' limit 100 for update skip locked) o
            where (e.reference, e.answer) = (o.reference, o.answer);
        end if;
    end if;

    -- A wrap-up is over when the customer goes on: it is its agent's work again, on the channel used now.
    if on_desk then
        with human as (
            select p.conversation_id from unnest(places) p where not p.is_new and not p.automatic group by 1
        ), resumed as (
            update queue_entry e set state = 'assigned', wrap_up_until = null, channel = v.channel,
                weight = coalesce((select c.weight from channel_policy c where c.channel = v.channel), e.weight)
            from human h cross join lateral (select v.channel from conversation v where v.id = h.conversation_id offset 0) v
            where e.conversation_id = h.conversation_id and e.state = 'wrapping'
            returning e.id, e.conversation_id, e.queue_id, e.agent_id
        )
        insert into event (at, kind, conversation_id, agent_id, queue_id, data)
        select moment, 'entry.resumed', r.conversation_id, r.agent_id, r.queue_id, jsonb_build_object('entry_id', r.id)
        from resumed r;
    end if;

    -- What weighed nothing while the customer was silent weighs again: its agent has it if it fits, else it waits anew.
    if calm is not null then
        select array_agg(e.id order by e.id) into woken
        from (select distinct p.conversation_id from unnest(places) p where p.conversation_id = any(calm) and not p.automatic) h
        cross join lateral (
            select e.id from queue_entry e where e.conversation_id = h.conversation_id and e.state || '' = 'assigned' offset 0
        ) e;
        perform 1 from agent_state s -- so that nobody is given something else at this moment
        where s.agent_id in (select e.agent_id from queue_entry e where e.id = any(woken)) order by s.agent_id for no key update;
        while woken <> '{}' loop -- one after another: each that stays leaves less room for the next
            with unfit as (
                update queue_entry e set state = 'closed', closed_at = moment, outcome = 'released'
                where e.id = woken[1] and not coalesce(agent_fits(e.agent_id, e.channel, e.weight, woken), false)
                returning e.id, e.conversation_id, e.queue_id, e.agent_id, e.channel, e.assigned_at
            ), logged as (
                insert into event (at, kind, conversation_id, agent_id, queue_id, data)
                select moment, 'entry.closed', u.conversation_id, u.agent_id, u.queue_id,
                       jsonb_build_object('entry_id', u.id, 'channel', u.channel, 'outcome', 'released',
                                          'handle_seconds', extract(epoch from moment - u.assigned_at)::float8)
                from unfit u
            )
            select freed || array_agg(u.conversation_id) into freed from unfit u;
            woken := woken[2:];
        end loop;
        queues := queues or freed is not null;
    end if;

    -- An agent who works on it hears of it on u:{agent}. What nobody has in the queue any more goes back there (below).
    if on_desk then
        with mine as (
            select v.id, v.agent_id from conversation v
            join (select p.conversation_id, bool_or(not p.automatic) as human from unnest(places) p group by 1) t on t.conversation_id = v.id
            where v.agent_id is not null
              and (not t.human or v.id = any(coalesce(freed, '{}'))
                   or exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' offset 0))
        ), rung as (
            update agent_state s set seq = s.seq + d.changes
            from (select m.agent_id, count(*) as changes from mine m group by m.agent_id order by m.agent_id) d
            where s.agent_id = d.agent_id
            returning s.agent_id, s.seq - d.changes as base
        ), desk as (
            select m.id, m.agent_id, r.base + row_number() over (partition by m.agent_id order by m.id) as agent_seq,
                   m.id = any(coalesce(freed, '{}')) as freed
            from mine m join rung r on r.agent_id = m.agent_id
        ), logged as (
            insert into event (at, kind, conversation_id, agent_id, agent_seq, data)
            select moment, case when d.freed then 'conversation.unassigned' else 'conversation.updated' end, d.id, d.agent_id,
                   d.agent_seq, case when d.freed then jsonb_build_object('conversation_id', d.id) else '{}' end
            from desk d
        )
        select array_agg((d.id, d.agent_id, d.agent_seq, null, null)::intake_end) filter (where not d.freed) into ends from desk d;
    end if;

    -- 4. The queue, for what a person wrote and nobody has; and where the next message of an address will be looked for.
    if begins or queues or asks then
        with touched as (
            select p.conversation_id, bool_or(not p.automatic) as human from unnest(places) p group by p.conversation_id
        ), threaded as (
            insert into thread (account_id, address_id, conversation_id)
            select distinct on (p.account_id, p.address_id) p.account_id, p.address_id, p.conversation_id
            from unnest(places) p
            where p.session order by p.account_id, p.address_id, p.n desc
            on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id
                where thread.conversation_id <> excluded.conversation_id
        ), queued as (
            insert into queue_entry as e (conversation_id, queue_id, channel, entered_at, queued_at, target_seconds,
                priority_seconds, weight, requirements, sticky_agent_id, sticky_until)
            select v.id, q.id, v.channel, moment, moment, q.target_seconds, q.priority_seconds + a.priority_seconds,
                   coalesce(c.weight, 100), a.requirements, w.agent_id,
                   case when w.agent_id is not null then moment + interval '2 minutes' end
            from touched t
            cross join lateral (
                select v.id, v.channel, v.account_id, v.queue_id, v.agent_id from conversation v
                where v.id = t.conversation_id offset 0
            ) v
            join account a on a.id = v.account_id
            join queue q on q.id = coalesce(v.queue_id, a.queue_id, (select min(q.id) from queue q where q.archived_at is null))
            left join channel_policy c on c.channel = v.channel
            cross join lateral (select case when v.id <> all(coalesce(freed, '{}')) then v.agent_id end as agent_id) w
            where t.human
            order by v.id
            on conflict (conversation_id) where state <> 'closed' do nothing
            returning e.id, e.conversation_id, e.queue_id, e.channel
        ), logged as (
            insert into event (at, kind, conversation_id, queue_id, data)
            select moment, 'entry.queued', k.conversation_id, k.queue_id,
                   jsonb_build_object('entry_id', k.id, 'channel', k.channel, 'queued_at', moment)
            from queued k
        )
        select ends || array_agg((k.conversation_id, null, null, k.id, k.queue_id)::intake_end) into ends from queued k;
    end if;

    -- 5. The message, the log, and the answer to the caller.
    return query
    with written as (
        insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id,
            subject, text, html, external_id, verified, automatic, meta, raw_id, at) overriding system value
        select p.interaction_id, p.conversation_id, p.contact_id, p.seq, 'message', 'in', p.channel, p.account_id,
               p.address_id, i.subject, i.text, i.html, i.external_id, i.verified, i.automatic, coalesce(i.meta, '{}'),
               p.raw_id, coalesce(i.at, moment)
        from unnest(places) p join unnest(items) i on i.n = p.n
    ), pages as (
        insert into page (interaction_id, version, own, whole, pictures, error)
        select p.interaction_id, i.page_version, i.page_own, i.page_whole, coalesce(i.page_pictures, '{}'), i.page_error
        from unnest(places) p join unnest(items) i on i.n = p.n
        where i.page_version is not null
        on conflict do nothing
    ), logged as (
        insert into event (id, at, kind, contact_id, conversation_id, conversation_seq, data) overriding system value
        select p.event_id, moment, 'interaction.created', p.contact_id, p.conversation_id, p.seq,
               jsonb_build_object('interaction_id', p.interaction_id, 'direction', 'in', 'channel', p.channel,
                                  'automatic', p.automatic and p.n <> all(hushed), 'new', p.is_new)
               || case when p.n = any(hushed) then '{"quiet": true}'::jsonb else '{}' end
        from unnest(places) p
    )
    select p.n, false, p.raw_id, p.interaction_id, p.conversation_id, p.seq, p.contact_id, p.contact_name, p.address_id,
           p.event_id, p.is_new, e.entry_id, e.queue_id, e.agent_id, e.agent_seq, moment, w.entry
    from unnest(places) p
    left join unnest(ends) e on p.is_last and e.conversation_id = p.conversation_id
    left join lateral (select row_to_json(r)::text as entry from router_entry_ever r where r.id = e.entry_id offset 0) w on true;

    if on_desk then -- back in the queue: on nobody's desk until accepted
        update conversation v set agent_id = null
        where v.id = any(old) and v.agent_id is not null
          and exists (select from unnest(places) p where p.conversation_id = v.id and not p.automatic)
          and not exists (select from unnest(ends) e where e.conversation_id = v.id and e.agent_id is not null);
    end if;
end $$;
