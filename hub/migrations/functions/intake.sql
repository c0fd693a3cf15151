-- Takes in a batch of translated messages in one round trip: raw bytes, contact by address, conversation by thread,
-- interaction, queue entry and events. Set-based, so that a hundred cost little more than one. Called by hub/intake.py.
--
-- Locks in the house's order: raw, address, conversation, queue_entry, agent_state; each set sorted.
do $$ begin
    if not exists (select from pg_type where typname = 'intake_item') then
        create type intake_item as (
            n int, account_id bigint, connector text, dedup_key text, raw_type text, raw_meta jsonb,
            kind text, address text, name text, subject text, text text, html text,
            external_id text, refs text[], hint bigint, session boolean, verified boolean, automatic boolean,
            locale text, at timestamptz, meta jsonb, channel text,
            -- found on the way
            raw_id bigint, address_id bigint, contact_id bigint, root_id bigint, conversation_id bigint,
            is_new boolean, seq bigint, interaction_id bigint
        );
    end if;
end $$;

create or replace function intake(batch jsonb, bodies bytea[], reopen_days int)
returns table (
    n int, duplicate boolean, raw_id bigint, interaction_id bigint, conversation_id bigint, seq bigint,
    contact_id bigint, contact_name text, address_id bigint, event_id bigint, is_new boolean, entry_id bigint,
    queue_id bigint, agent_id bigint, agent_seq bigint, at timestamptz
)
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    items intake_item[]; -- the fresh ones
    seen  jsonb;         -- n -> raw id of what was here before
    moment timestamptz := clock_timestamp();
begin
    -- 1. The bytes, under the sender's own key.
    with given as (
        select i.*, b.body
        from jsonb_populate_recordset(null::intake_item, batch) i
        join unnest(bodies) with ordinality as b (body, position) on b.position = i.n + 1
    ), stored as (
        insert into raw (account_id, connector, dedup_key, content_type, body, meta)
        select g.account_id, g.connector, g.dedup_key, g.raw_type, g.body, coalesce(g.raw_meta, '{}')
        from given g order by g.connector, g.account_id, g.dedup_key
        on conflict do nothing
        returning id, account_id, connector, dedup_key
    ), matched as (
        select i.n, s.id, row_number() over (partition by s.id order by i.n) as copy
        from jsonb_populate_recordset(null::intake_item, batch) i
        left join stored s on (s.account_id, s.connector, s.dedup_key) = (i.account_id, i.connector, i.dedup_key)
    )
    select array_agg((jsonb_populate_record(null::intake_item, to_jsonb(i) || jsonb_build_object('raw_id', m.id))) order by i.n)
               filter (where m.id is not null and m.copy = 1),
           jsonb_agg(i.n) filter (where m.id is null or m.copy > 1)
    into items, seen
    from jsonb_populate_recordset(null::intake_item, batch) i join matched m on m.n = i.n;

    if seen is not null then
        return query
            select i.n, true, r.id, x.id, x.conversation_id, x.seq, x.contact_id, null::text, null::bigint, null::bigint,
                   false, null::bigint, null::bigint, null::bigint, null::bigint, moment
            from jsonb_populate_recordset(null::intake_item, batch) i
            join raw r on (r.account_id, r.connector, r.dedup_key) = (i.account_id, i.connector, i.dedup_key)
            left join lateral (
                select t.id, t.conversation_id, t.seq, t.contact_id from interaction t where t.raw_id = r.id limit 1
            ) x on true
            where seen @> to_jsonb(i.n);
    end if;
    if items is null then
        return;
    end if;

    -- 2. Who: the address decides; an unknown one makes a new contact. The row lock keeps one person's messages in line.
    with wanted as (
        select i.kind, i.address, bool_or(i.verified) as verified
        from unnest(items) i group by i.kind, i.address order by i.kind, i.address
    ), known as (
        insert into address as a (contact_id, kind, value, verified_at)
        select nextval('contact_id_seq'), w.kind, w.address, case when w.verified then moment end from wanted w
        on conflict (kind, value) do update set verified_at = coalesce(a.verified_at, excluded.verified_at)
        returning a.id, a.contact_id, a.kind, a.value, (xmax = 0) as created
    ), first_seen as (
        select distinct on (k.id) k.contact_id, i.name, i.locale
        from known k join unnest(items) i on (i.kind, i.address) = (k.kind, k.value)
        where k.created order by k.id, i.n
    ), made as (
        insert into contact (id, root_id, name, locale) overriding system value
        select f.contact_id, f.contact_id, coalesce(f.name, ''), f.locale from first_seen f
        returning id, root_id
    )
    select array_agg((jsonb_populate_record(i, jsonb_build_object(
               'address_id', k.id, 'contact_id', k.contact_id, 'root_id', coalesce(m.root_id, c.root_id)))) order by i.n)
    into items
    from unnest(items) i
    join known k on (k.kind, k.value) = (i.kind, i.address)
    left join made m on m.id = k.contact_id
    left join contact c on c.id = k.contact_id;

    -- 3. Which matter: a signed reply address, then what it answers, then the running thread of this address.
    select array_agg((jsonb_populate_record(i, jsonb_build_object('conversation_id', coalesce(hint.id, answered.id, running.id))))
               order by i.n)
    into items
    from unnest(items) i
    left join conversation hint on hint.id = i.hint
        and (hint.status <> 'resolved' or hint.resolved_at > moment - make_interval(days => reopen_days))
    left join lateral (
        select v.id
        from unnest(i.refs) with ordinality as r (reference, position)
        join interaction x on x.external_id = r.reference
        join conversation v on v.id = x.conversation_id
        join contact c on c.id = v.contact_id
        where (v.status <> 'resolved' or v.resolved_at > moment - make_interval(days => reopen_days))
          and (c.root_id = i.root_id or exists (
              select from interaction p where p.conversation_id = v.id and p.address_id = i.address_id))
        order by r.position limit 1
    ) answered on hint.id is null and i.refs <> '{}'
    left join lateral (
        select v.id from thread t join conversation v on v.id = t.conversation_id
        where t.account_id = i.account_id and t.address_id = i.address_id
          and (v.status <> 'resolved' or v.resolved_at > moment - interval '1 day')
    ) running on i.session and hint.id is null and answered.id is null;

    -- 4. New matters. On channels without threads, several messages of one address in this batch share one.
    with lone as (
        select min(i.n) as n, i.account_id, i.address_id from unnest(items) i where i.conversation_id is null
        group by i.account_id, i.address_id, case when i.session then null else i.n end
    ), opened as (
        select l.n, l.account_id, l.address_id, nextval('conversation_id_seq') as id from lone l order by l.n
    )
    select array_agg((jsonb_populate_record(i, jsonb_build_object(
               'conversation_id', coalesce(i.conversation_id, o.id), 'is_new', i.conversation_id is null))) order by i.n)
    into items
    from unnest(items) i
    left join opened o on i.conversation_id is null
        and case when i.session then (o.account_id, o.address_id) = (i.account_id, i.address_id) else o.n = i.n end;

    insert into conversation (id, contact_id, account_id, channel, subject, queue_id, created_at) overriding system value
    select distinct on (i.conversation_id)
           i.conversation_id, i.contact_id, i.account_id, i.channel, i.subject, a.queue_id, moment
    from unnest(items) i join account a on a.id = i.account_id
    where i.is_new order by i.conversation_id, i.n;

    -- 5. The message in it. Conversations are locked in order of id; their seq is the order of the topic c:{id}.
    perform 1 from conversation v where v.id in (select i.conversation_id from unnest(items) i where not i.is_new)
    order by v.id for no key update;

    with moved as (
        update conversation v set
            seq = v.seq + t.messages,
            interaction_seq = v.seq + t.messages,
            preview = t.preview,
            channel = t.channel,
            last_inbound_at = moment,
            waiting_since = case when t.human then coalesce(v.waiting_since, moment) else v.waiting_since end,
            status = case when t.human then 'open' else v.status end,
            reopened = v.reopened + (t.human and v.status = 'resolved')::int,
            snoozed_until = case when t.human then null else v.snoozed_until end,
            updated_at = moment
        from (
            select i.conversation_id, count(*) as messages, bool_or(not i.automatic) as human,
                   (array_agg(left(i.text, 200) order by i.n desc))[1] as preview,
                   (array_agg(i.channel order by i.n desc))[1] as channel
            from unnest(items) i group by i.conversation_id
        ) t
        where v.id = t.conversation_id
        returning v.id, v.seq - t.messages as base
    ), numbered as (
        select i.n, m.base + row_number() over (partition by i.conversation_id order by i.n) as seq
        from unnest(items) i join moved m on m.id = i.conversation_id
    )
    select array_agg((jsonb_populate_record(i, jsonb_build_object(
               'seq', x.seq, 'interaction_id', nextval('interaction_id_seq')))) order by i.n)
    into items
    from unnest(items) i join numbered x on x.n = i.n;

    insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id,
        subject, text, html, external_id, verified, automatic, meta, raw_id, at) overriding system value
    select i.interaction_id, i.conversation_id, i.contact_id, i.seq, 'message', 'in', i.channel, i.account_id,
           i.address_id, i.subject, i.text, i.html, i.external_id, i.verified, i.automatic, coalesce(i.meta, '{}'),
           i.raw_id, coalesce(i.at, moment)
    from unnest(items) i;

    insert into thread (account_id, address_id, conversation_id)
    select distinct on (i.account_id, i.address_id) i.account_id, i.address_id, i.conversation_id
    from unnest(items) i where i.session order by i.account_id, i.address_id, i.n desc
    on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id
        where thread.conversation_id <> excluded.conversation_id;

    -- 6. The queue, the log, and the answer to the caller.
    return query
    with touched as (
        select i.conversation_id, bool_or(not i.automatic) as human, max(i.n) as n from unnest(items) i group by i.conversation_id
    ), queued as (
        insert into queue_entry as e (conversation_id, queue_id, channel, entered_at, queued_at, target_seconds,
            priority_seconds, weight, requirements, sticky_agent_id, sticky_until)
        select v.id, q.id, v.channel, moment, moment, q.target_seconds, q.priority_seconds + a.priority_seconds,
               coalesce(p.weight, 100), a.requirements, v.agent_id,
               case when v.agent_id is not null then moment + interval '2 minutes' end
        from touched t
        join conversation v on v.id = t.conversation_id
        join account a on a.id = v.account_id
        join queue q on q.id = coalesce(v.queue_id, a.queue_id)
        left join channel_policy p on p.channel = v.channel
        where t.human
        order by v.id
        on conflict (conversation_id) where state <> 'closed' do nothing
        returning e.id, e.conversation_id, e.queue_id
    ), let_go as ( -- back in the queue: on nobody's desk until accepted
        update conversation v set agent_id = null
        from queued k where v.id = k.conversation_id and v.agent_id is not null
    ), on_desk as ( -- who works on it hears of it on u:{agent}
        select t.conversation_id, v.agent_id from touched t join conversation v on v.id = t.conversation_id
        where v.agent_id is not null and not exists (select from queued k where k.conversation_id = v.id)
    ), rung as (
        update agent_state s set seq = s.seq + d.changes
        from (select o.agent_id, count(*) as changes from on_desk o group by o.agent_id order by o.agent_id) d
        where s.agent_id = d.agent_id
        returning s.agent_id, s.seq - d.changes as base
    ), desk as (
        select o.conversation_id, o.agent_id, r.base + row_number() over (partition by o.agent_id order by o.conversation_id) as agent_seq
        from on_desk o join rung r on r.agent_id = o.agent_id
    ), logged as (
        insert into event as ev (at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, data)
        select moment, 'interaction.created', i.contact_id, i.conversation_id, i.seq, null::bigint, null::bigint, null::bigint,
               jsonb_build_object('interaction_id', i.interaction_id, 'direction', 'in', 'channel', i.channel,
                                  'automatic', i.automatic, 'new', i.is_new)
        from unnest(items) i
        union all
        select moment, 'entry.queued', null, k.conversation_id, null, null, null, k.queue_id,
               jsonb_build_object('entry_id', k.id, 'channel', v.channel, 'queued_at', moment)
        from queued k join conversation v on v.id = k.conversation_id
        union all
        select moment, 'conversation.updated', null, d.conversation_id, null, d.agent_id, d.agent_seq, null, '{}'
        from desk d
        returning ev.id, ev.conversation_id, ev.conversation_seq
    )
    select i.n, false, i.raw_id, i.interaction_id, i.conversation_id, i.seq, i.contact_id, c.name, i.address_id,
           l.id, i.is_new, k.id, k.queue_id, d.agent_id, d.agent_seq, moment
    from unnest(items) i
    join contact c on c.id = i.contact_id
    join logged l on (l.conversation_id, l.conversation_seq) = (i.conversation_id, i.seq)
    left join touched t on t.conversation_id = i.conversation_id and t.n = i.n
    left join queued k on k.conversation_id = t.conversation_id
    left join desk d on d.conversation_id = t.conversation_id;
end $$;
