-- Takes in a batch of translated messages in one round trip: raw bytes, contact by address, conversation by thread,
-- interaction, queue entry and events. Set-based, so that a hundred cost little more than one. Called by hub/intake.py.
--
-- What came stays in `items`; what is found on the way (ids and short words) is kept beside it in `places`, so that
-- texts are parsed once and copied no more than needed. An element of `items` is never asked for by its number: the
-- array is searched from its beginning each time, which would make a batch cost its square. Several statements, not one: each sees what others committed while it
-- waited for a lock. Locks in the house's order: raw, address, conversation, queue_entry, agent_state; each set sorted.
drop function if exists intake(jsonb, bytea[], int);
drop function if exists intake(json, bytea[], int);
drop type if exists intake_item;
drop type if exists intake_place;
drop type if exists intake_desk;

create type intake_item as (
    n int, account_id bigint, connector text, dedup_key text, raw_type text, raw_meta jsonb,
    kind text, address text, name text, subject text, text text, html text,
    external_id text, refs text[], hint bigint, session boolean, verified boolean, automatic boolean,
    locale text, at timestamptz, meta jsonb, channel text
);

create type intake_place as (
    n int, raw_id bigint, account_id bigint, channel text, session boolean, automatic boolean,
    address_id bigint, contact_id bigint, root_id bigint, contact_name text,
    conversation_id bigint, is_new boolean, seq bigint, interaction_id bigint
);

create type intake_desk as (conversation_id bigint, agent_id bigint, agent_seq bigint);

create function intake(batch json, bodies bytea[], reopen_days int)
returns table (
    n int, duplicate boolean, raw_id bigint, interaction_id bigint, conversation_id bigint, seq bigint,
    contact_id bigint, contact_name text, address_id bigint, event_id bigint, is_new boolean, entry_id bigint,
    queue_id bigint, agent_id bigint, agent_seq bigint, at timestamptz
)
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
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
    answers bigint[];       -- and where, in order of n
    on_desk boolean := false; -- whether agents have some before them
    desks   intake_desk[];  -- those agents, and the place on their topic
    moment  timestamptz := clock_timestamp();
begin
    select array_agg(i order by i.n), coalesce(bool_or(i.hint is not null or i.refs <> '{}'), false) into items, asks
    from json_populate_recordset(null::intake_item, batch) i;

    -- 1. The bytes, under the sender's own key.
    with stored as (
        insert into raw (account_id, connector, dedup_key, content_type, body, meta)
        select i.account_id, i.connector, i.dedup_key, i.raw_type, bodies[i.n + 1], coalesce(i.raw_meta, '{}')
        from unnest(items) i order by i.connector, i.account_id, i.dedup_key
        on conflict do nothing
        returning id, account_id, connector, dedup_key
    )
    select array_agg((f.n, f.id, f.account_id, f.channel, f.session, f.automatic, null, null, null, null, null, null, null,
               null)::intake_place order by f.n) into places
    from (
        select distinct on (s.id) i.n, s.id, i.account_id, i.channel, i.session, i.automatic
        from stored s join unnest(items) i on (i.account_id, i.connector, i.dedup_key) = (s.account_id, s.connector, s.dedup_key)
        order by s.id, i.n
    ) f;

    if coalesce(cardinality(places), 0) < cardinality(items) then
        return query
            select i.n, true, r.id, x.id, x.conversation_id, x.seq, x.contact_id, null::text, null::bigint, null::bigint,
                   false, null::bigint, null::bigint, null::bigint, null::bigint, moment
            from unnest(items) i
            join raw r on (r.account_id, r.connector, r.dedup_key) = (i.account_id, i.connector, i.dedup_key)
            left join lateral (
                select t.id, t.conversation_id, t.seq, t.contact_id from interaction t where t.raw_id = r.id limit 1
            ) x on true
            where not exists (select from unnest(places) p where p.n = i.n);
        if places is null then
            return;
        end if;
    end if;

    -- 2. Who: the address decides; an unknown one makes a new contact. The row lock keeps one person's messages in line.
    with wanted as (
        select i.kind, i.address, bool_or(i.verified) as verified, (array_agg(coalesce(i.name, '') order by i.n))[1] as name,
               (array_agg(i.locale order by i.n))[1] as locale
        from unnest(places) p join unnest(items) i on i.n = p.n
        group by i.kind, i.address order by i.kind, i.address
    ), known as (
        insert into address as a (contact_id, kind, value, verified_at)
        select nextval('contact_id_seq'), w.kind, w.address, case when w.verified then moment end from wanted w
        on conflict (kind, value) do update set verified_at = coalesce(a.verified_at, excluded.verified_at)
        returning a.id, a.contact_id, a.kind, a.value, (xmax = 0) as created
    ), made as (
        insert into contact (id, root_id, name, locale) overriding system value
        select k.contact_id, k.contact_id, w.name, w.locale
        from known k join wanted w on (w.kind, w.address) = (k.kind, k.value) where k.created
    )
    select array_agg((p.n, p.raw_id, p.account_id, p.channel, p.session, p.automatic, k.id, k.contact_id, null, null, null,
               null, null, null)::intake_place order by p.n)
    into places
    from unnest(places) p join unnest(items) i on i.n = p.n join known k on (k.kind, k.value) = (i.kind, i.address);

    -- 3. Which matter: a signed reply address, then what it answers, then the running thread of this address.
    --    A new matter else; on channels without threads, several messages of one address in this batch share one.
    --    What few messages need stands in statements of its own here and below: a plan costs its preparation each time.
    if asks then
        select array_agg(coalesce(hint.id, answered.id) order by i.n) into answers
        from unnest(items) i
        left join unnest(places) p on p.n = i.n
        left join contact mine on mine.id = p.contact_id
        left join conversation hint on hint.id = i.hint
            and (hint.status <> 'resolved' or hint.resolved_at > moment - make_interval(days => reopen_days))
        left join lateral (
            select v.id
            from unnest(i.refs) with ordinality as r (reference, position)
            join interaction x on x.external_id = r.reference
            join conversation v on v.id = x.conversation_id
            join contact c on c.id = v.contact_id
            where (v.status <> 'resolved' or v.resolved_at > moment - make_interval(days => reopen_days))
              and (c.root_id = mine.root_id or exists (
                  select from interaction q where q.conversation_id = v.id and q.address_id = p.address_id))
            order by r.position limit 1
        ) answered on hint.id is null and i.refs <> '{}';
    end if;
    with placed as (
        select p.n, p.account_id, p.session, p.address_id, coalesce(answers[p.n + 1], running.id) as conversation_id,
               mine.root_id, coalesce(nullif(mine.name, ''), root.name) as contact_name
        from unnest(places) p
        join contact mine on mine.id = p.contact_id
        join contact root on root.id = mine.root_id
        left join lateral (
            select v.id from thread t join conversation v on v.id = t.conversation_id
            where t.account_id = p.account_id and t.address_id = p.address_id
              and (v.status <> 'resolved' or v.resolved_at > moment - interval '1 day')
        ) running on p.session and answers[p.n + 1] is null
    ), opened as (
        select l.n, nextval('conversation_id_seq') as id from (
            select min(x.n) as n from placed x where x.conversation_id is null
            group by x.account_id, x.address_id, case when x.session then null else x.n end) l
    ), shared as (
        select x.n, x.conversation_id, x.root_id, x.contact_name,
               case when x.session then min(x.n) filter (where x.conversation_id is null) over (partition by x.account_id, x.address_id, x.session)
                    else x.n end as first_n
        from placed x
    )
    select array_agg((f.n, f.raw_id, f.account_id, f.channel, f.session, f.automatic, f.address_id, f.contact_id, f.root_id,
               f.contact_name, f.conversation_id, f.is_new, f.position, nextval('interaction_id_seq'))::intake_place order by f.n)
    into places
    from (
        select p.n, p.raw_id, p.account_id, p.channel, p.session, p.automatic, p.address_id, p.contact_id, x.root_id, x.contact_name,
               coalesce(x.conversation_id, o.id) as conversation_id, x.conversation_id is null as is_new,
               row_number() over (partition by coalesce(x.conversation_id, o.id) order by p.n) as position
        from unnest(places) p join shared x on x.n = p.n
        left join opened o on x.conversation_id is null and o.n = x.first_n
    ) f;

    -- 4. The conversations: new ones begin with all their messages counted, old ones are locked in order of id and
    --    moved. A conversation's seq is the order of the topic c:{id}.
    select array_agg(distinct p.conversation_id order by p.conversation_id) filter (where not p.is_new), bool_or(p.is_new)
    into old, begins from unnest(places) p;
    if begins then
        with touched as (
            select p.conversation_id, count(*) as messages, bool_or(not p.automatic) as human, min(p.n) as first_n, max(p.n) as last_n
            from unnest(places) p where p.is_new group by p.conversation_id
        )
        insert into conversation (id, contact_id, account_id, channel, subject, queue_id, seq, interaction_seq, preview,
            last_inbound_at, waiting_since, created_at, updated_at) overriding system value
        select t.conversation_id, f.contact_id, f.account_id, f.channel, i.subject, a.queue_id, t.messages, t.messages,
               left(l.text, 200), moment, case when t.human then moment end, moment, moment
        from touched t
        join unnest(places) f on f.n = t.first_n
        join unnest(items) i on i.n = t.first_n
        join unnest(items) l on l.n = t.last_n
        join account a on a.id = f.account_id;
    end if;
    if old is not null then
        with locked as (
            select v.id, v.agent_id from conversation v where v.id = any(old) order by v.id for no key update
        )
        select bool_or(l.agent_id is not null) into on_desk from locked l;
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
            returning v.id, v.seq - t.messages as base
        )
        select array_agg((p.n, p.raw_id, p.account_id, p.channel, p.session, p.automatic, p.address_id, p.contact_id, p.root_id,
                   p.contact_name, p.conversation_id, p.is_new, coalesce(m.base, 0) + p.seq, p.interaction_id)::intake_place
                   order by p.n)
        into places
        from unnest(places) p left join moved m on m.id = p.conversation_id;
    end if;

    -- An agent who works on it hears of it on u:{agent}. What nobody has in the queue any more goes back there (below).
    if on_desk then
        with mine as (
            select v.id, v.agent_id from conversation v
            join (select p.conversation_id, bool_or(not p.automatic) as human from unnest(places) p group by 1) t on t.conversation_id = v.id
            where v.agent_id is not null
              and (not t.human or exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed'))
        ), rung as (
            update agent_state s set seq = s.seq + d.changes
            from (select m.agent_id, count(*) as changes from mine m group by m.agent_id order by m.agent_id) d
            where s.agent_id = d.agent_id
            returning s.agent_id, s.seq - d.changes as base
        ), desk as (
            select m.id, m.agent_id, r.base + row_number() over (partition by m.agent_id order by m.id) as agent_seq
            from mine m join rung r on r.agent_id = m.agent_id
        ), logged as (
            insert into event (at, kind, conversation_id, agent_id, agent_seq)
            select moment, 'conversation.updated', d.id, d.agent_id, d.agent_seq from desk d
        )
        select array_agg((d.id, d.agent_id, d.agent_seq)::intake_desk) into desks from desk d;
    end if;

    -- 5. The message, the queue, the log, and the answer to the caller.
    return query
    with written as (
        insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id,
            subject, text, html, external_id, verified, automatic, meta, raw_id, at) overriding system value
        select p.interaction_id, p.conversation_id, p.contact_id, p.seq, 'message', 'in', p.channel, p.account_id,
               p.address_id, i.subject, i.text, i.html, i.external_id, i.verified, p.automatic, coalesce(i.meta, '{}'),
               p.raw_id, coalesce(i.at, moment)
        from unnest(places) p join unnest(items) i on i.n = p.n
    ), threaded as (
        insert into thread (account_id, address_id, conversation_id)
        select distinct on (p.account_id, p.address_id) p.account_id, p.address_id, p.conversation_id
        from unnest(places) p
        where p.session order by p.account_id, p.address_id, p.n desc
        on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id
            where thread.conversation_id <> excluded.conversation_id
    ), touched as (
        select p.conversation_id, bool_or(not p.automatic) as human, max(p.n) as n
        from unnest(places) p group by p.conversation_id
    ), here as (
        select v.id, v.queue_id, v.account_id, v.channel, v.agent_id, t.human, t.n
        from touched t join conversation v on v.id = t.conversation_id
    ), queued as (
        insert into queue_entry as e (conversation_id, queue_id, channel, entered_at, queued_at, target_seconds,
            priority_seconds, weight, requirements, sticky_agent_id, sticky_until)
        select h.id, q.id, h.channel, moment, moment, q.target_seconds, q.priority_seconds + a.priority_seconds,
               coalesce(c.weight, 100), a.requirements, h.agent_id,
               case when h.agent_id is not null then moment + interval '2 minutes' end
        from here h
        join account a on a.id = h.account_id
        join queue q on q.id = coalesce(h.queue_id, a.queue_id)
        left join channel_policy c on c.channel = h.channel
        where h.human
        order by h.id
        on conflict (conversation_id) where state <> 'closed' do nothing
        returning e.id, e.conversation_id, e.queue_id, e.channel
    ), logged as (
        insert into event as ev (at, kind, contact_id, conversation_id, conversation_seq, queue_id, data)
        select moment, 'interaction.created', p.contact_id, p.conversation_id, p.seq, null::bigint,
               jsonb_build_object('interaction_id', p.interaction_id, 'direction', 'in', 'channel', p.channel,
                                  'automatic', p.automatic, 'new', p.is_new)
        from unnest(places) p
        union all
        select moment, 'entry.queued', null, k.conversation_id, null, k.queue_id,
               jsonb_build_object('entry_id', k.id, 'channel', k.channel, 'queued_at', moment)
        from queued k
        returning ev.id, ev.conversation_id, ev.conversation_seq
    )
    select p.n, false, p.raw_id, p.interaction_id, p.conversation_id, p.seq, p.contact_id, p.contact_name, p.address_id,
           l.id, p.is_new, k.id, k.queue_id, d.agent_id, d.agent_seq, moment
    from unnest(places) p
    join logged l on l.conversation_id = p.conversation_id and l.conversation_seq = p.seq
    left join touched t on t.conversation_id = p.conversation_id and t.n = p.n
    left join queued k on k.conversation_id = t.conversation_id
    left join unnest(desks) d on d.conversation_id = t.conversation_id;

    if on_desk then -- back in the queue: on nobody's desk until accepted
        update conversation v set agent_id = null
        where v.id = any(old) and v.agent_id is not null
          and exists (select from unnest(places) p where p.conversation_id = v.id and not p.automatic)
          and not exists (select from unnest(desks) d where d.conversation_id = v.id);
    end if;
end $$;
