-- What the router keeps in memory. Columns in the order in which routing/engine.py reads them; times in seconds since
-- the epoch, conditions that most entries have not as null.
create view router_entry_ever as
select id, conversation_id, queue_id, channel, state, extract(epoch from entered_at)::float8 as entered_at,
       extract(epoch from queued_at)::float8 as queued_at, target_seconds, priority_seconds, weight,
       case when requirements <> '[]' then requirements::text end as requirements, sticky_agent_id,
       extract(epoch from sticky_until)::float8 as sticky_until,
       case when excluded <> '{}' then excluded::text end as excluded,
       case when not (state = 'assigned' and resting) then agent_id end as agent_id
from queue_entry;

create view router_entry as select * from router_entry_ever where state <> 'closed';

-- Who can be given the work of a queue: whoever works there, has not left, and may handle conversations. Whoever asks whether a
-- queue is served, and by how many, asks here.
create view queue_staff as
select m.queue_id, a.id as agent_id, a.name, coalesce(s.state, 'offline') as state
from agent_queue m
join agent a on a.id = m.agent_id and a.disabled_at is null
left join agent_state s on s.agent_id = a.id
where exists (select from role_permission p where p.role_key = a.role and p.permission = 'conversation.handle');

-- Who works in a queue, whatever their role lets them do; who has left is not named.
create function queue_members(queue bigint) returns jsonb language sql stable as $$
    select coalesce(jsonb_agg(a.id order by a.id), '[]')
    from agent_queue m join agent a on a.id = m.agent_id and a.disabled_at is null where m.queue_id = queue
$$;

create view router_agent as
select a.id, a.capacity,
       -- who may not handle conversations is not there for the router, whatever they call themselves
       case when exists (select from role_permission p where p.role_key = a.role and p.permission = 'conversation.handle')
            then coalesce(s.state, 'offline') else 'offline' end as state, s.reason,
       coalesce(extract(epoch from s.idle_since), 0)::float8 as idle_since,
       coalesce((select array_agg(q.queue_id order by q.queue_id) from agent_queue q where q.agent_id = a.id), '{}') as queues,
       (select jsonb_object_agg(k.key, g.level) from agent_skill g join skill k on k.id = g.skill_id where g.agent_id = a.id) as skills,
       coalesce((select jsonb_object_agg(c.channel, c.max_per_agent) from agent_channel c where c.agent_id = a.id), '{}')
           -- nobody is called who has no telephone: `device.changed` in the log makes the router look again
           || case when exists (select from agent_device d where d.agent_id = a.id
                                and (d.kind = 'phone' or d.ready_until > clock_timestamp())) then '{}'::jsonb else '{"voice": 0}' end as maxima
from agent a left join agent_state s on s.agent_id = a.id
where a.disabled_at is null;

-- An answered matter weighs nothing while its customer is silent, on channels that say so; whatever is written, taken back or
-- said on the telephone changes the conversation's clocks, so they are what decides. The router hears of it from the log.
create function entry_rests() returns trigger
language plpgsql set search_path from current as $$
begin
    with changed as (
        update queue_entry e set resting = new.waiting_since is null
        where e.conversation_id = new.id and e.state <> 'closed' and e.resting <> (new.waiting_since is null)
          and (new.waiting_since is not null
               or (new.status = 'open' and e.state = 'assigned'
                   and exists (select from channel_policy p where p.channel = e.channel and p.release_on_silence)))
        returning e.id, e.agent_id, e.queue_id
    )
    insert into event (at, kind, conversation_id, agent_id, queue_id, data)
    select clock_timestamp(), case when new.waiting_since is null then 'entry.resting' else 'entry.resumed' end,
           new.id, c.agent_id, c.queue_id, jsonb_build_object('entry_id', c.id)
    from changed c;
    return null;
end $$;

-- What comes onto a desk while nothing is owed to its customer rests from the start: reopened, woken, taken to write first.
create function entry_rests_at_once() returns trigger
language plpgsql set search_path from current as $$
begin
    new.resting := exists (
        select from conversation v join channel_policy p on p.channel = new.channel
        where v.id = new.conversation_id and v.status = 'open' and v.waiting_since is null and p.release_on_silence);
    return new;
end $$;

-- Whether one more item of a channel fits an agent who is there, beside what they hold, some entries not counted.
create function agent_fits(agent bigint, item_channel text, item_weight integer, beside bigint[]) returns boolean
language sql stable as $$
    select s.state in ('available', 'busy') and held.counted + item_weight <= a.capacity
           and held.same < coalesce(c.max_per_agent, p.max_per_agent, 1)
    from agent a
    join agent_state s on s.agent_id = a.id
    left join channel_policy p on p.channel = item_channel
    left join agent_channel c on c.agent_id = a.id and c.channel = item_channel
    cross join lateral (
        select coalesce(sum(h.weight) filter (where not coalesce(item_channel = any(hp.yields_to), false)), 0) as counted,
               count(*) filter (where h.channel = item_channel) as same
        from queue_entry h left join channel_policy hp on hp.channel = h.channel
        where h.agent_id = a.id and (h.state in ('offered', 'wrapping') or (h.state = 'assigned' and not h.resting))
          and h.id <> all(beside)
    ) held
    where a.id = agent and a.disabled_at is null
$$;

-- The router's decisions, committed as one statement: nothing of it can be left half done by a stopped process.
--
-- It holds only while the router still leads (`lease` at this epoch), only for entries that still wait, and only for
-- agents who are still available and still have room. Rows that somebody else holds at this moment are skipped
-- rather than waited for: the router reads them again and decides anew. What comes back was committed.
-- `beside_used` and `beside_same` are the weight and the number of the same channel that an agent is given before it by
-- the same call. With `shown` it says, too, what each agent is to see of the offer, for who has no thousands of them to tell.
create function router_commit(
    leader text, leader_epoch bigint, shown boolean,
    entry_ids bigint[], agent_ids bigint[], beside_used integer[], beside_same integer[], seconds integer[], keys float8[],
    becauses text[], considered text[] -- one each
) returns table (
    entry_id bigint, offer_id bigint, agent_id bigint, conversation_id bigint, queue_id bigint, event_id bigint,
    agent_seq bigint, at timestamptz, expires_at timestamptz, channel text, queue_name text, contact_id bigint,
    contact_name text, subject text, preview text, waits_since timestamptz, said jsonb, customer_waits boolean
)
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
set enable_hashjoin = on   -- of hundreds of decisions with their agents, whatever the caller's connection is set to
set enable_mergejoin = on
set enable_material = on
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    moment    timestamptz;
    positions integer[]; -- of the decisions whose entries are locked, and beside them what those entries say
    places    bigint[];
    queues    bigint[];
    channels  text[];
    weights   integer[];
    ready     bigint[]; -- agents, locked
begin
    perform 1 from lease l where l.name = leader and l.epoch = leader_epoch for share;
    if not found then
        raise exception 'the lease % moved on from epoch %', leader, leader_epoch using errcode = 'HB001';
    end if;
    select array_agg(f.position), array_agg(f.conversation_id), array_agg(f.queue_id), array_agg(f.channel), array_agg(f.weight)
    into positions, places, queues, channels, weights
    from (
        select p.position::integer, e.conversation_id, e.queue_id, e.channel, e.weight
        from unnest(entry_ids) with ordinality as p (id, position)
        join queue_entry e on e.id = p.id and e.state || '' = 'waiting' -- by id: see `entries` in routing/queries.sql
        order by e.id for no key update of e skip locked
    ) f;
    select array_agg(s.agent_id) into ready from (
        select a.agent_id from agent_state a where a.agent_id = any(agent_ids) and a.state = 'available'
        order by a.agent_id for no key update skip locked
    ) s;
    moment := clock_timestamp();
    -- A statement of its own: it sees what was committed before those locks were granted. Ids and sequences are given
    -- out beforehand, so that nothing has to be joined again: the planner knows no sizes here.
    return query
    with pick as (
        select f.position, entry_ids[f.position] as entry_id, agent_ids[f.position] as agent_id,
               f.conversation_id, f.queue_id, f.channel, f.weight
        from unnest(positions, places, queues, channels, weights) as f (position, conversation_id, queue_id, channel, weight)
    ), policy as materialized ( -- with the channels that give way to each, whose entries it does not count
        select c.channel, c.max_per_agent,
               array(select y.channel from channel_policy y where c.channel = any(y.yields_to)) as blind
        from channel_policy c
    ), weighed as (
        select p.*, s.seq, held.offered,
               held.used + beside_used[p.position] + p.weight <= a.capacity
               and held.same + beside_same[p.position] < coalesce(c.max_per_agent, cp.max_per_agent, 1) as fits
        from pick p
        join agent_state s on s.agent_id = p.agent_id and s.agent_id = any(ready)
        join agent a on a.id = p.agent_id and a.disabled_at is null
        left join policy cp on cp.channel = p.channel
        left join agent_channel c on c.agent_id = p.agent_id and c.channel = p.channel
        cross join lateral (
            select coalesce(sum(h.weight) filter (where h.channel <> all(coalesce(cp.blind, '{}'))), 0) as used,
                   count(*) filter (where h.channel = p.channel) as same,
                   count(*) filter (where h.state = 'offered' and h.channel <> 'voice') as offered
            from queue_entry h
            where h.agent_id = p.agent_id
              and (h.state in ('offered', 'wrapping') or (h.state = 'assigned' and not h.resting))
        ) held
    ), numbered as (
        select w.*, nextval('offer_id_seq') as offer_id, nextval('event_id_seq') as event_id,
               -- A desk shows one card at a time, so each has a clock of its own, up to five long; a telephone rings at once.
               moment + make_interval(secs => seconds[w.position] * case when w.channel = 'voice' then 1
                   else least(greatest(w.offered + count(*) filter (where w.channel <> 'voice') over turns, 1), 5) end) as expires_at,
               w.seq + row_number() over turns as agent_seq
        from weighed w where w.fits
        window turns as (partition by w.agent_id order by w.position)
    ), made as (
        insert into offer (id, entry_id, agent_id, offered_at, expires_at, epoch) overriding system value
        select n.offer_id, n.entry_id, n.agent_id, moment, n.expires_at, leader_epoch
        from numbered n
    ), moved as (
        update queue_entry e set state = 'offered', agent_id = n.agent_id, offer_id = n.offer_id, offers = e.offers + 1
        from numbered n where e.id = n.entry_id
    ), rung as (
        update agent_state s set seq = n.seq
        from (select agent_id, max(agent_seq) as seq from numbered group by agent_id) n
        where s.agent_id = n.agent_id
    ), told as (
        insert into decision (entry_id, offer_id, agent_id, key, reason, because, considered) -- words: who reads makes them
        select n.entry_id, n.offer_id, n.agent_id, keys[n.position], '', becauses[n.position]::jsonb, considered[n.position]::json
        from numbered n
    ), logged as (
        insert into event (id, at, kind, conversation_id, agent_id, agent_seq, queue_id, data) overriding system value
        select n.event_id, moment, 'offer.created', n.conversation_id, n.agent_id, n.agent_seq, n.queue_id,
               jsonb_build_object('offer_id', n.offer_id, 'entry_id', n.entry_id, 'conversation_id', n.conversation_id)
        from numbered n
    )
    select n.entry_id, n.offer_id, n.agent_id, n.conversation_id, n.queue_id, n.event_id, n.agent_seq, moment,
           n.expires_at, n.channel, w.queue_name, w.contact_id, w.contact_name, w.subject,
           w.preview, w.waits_since, w.said, w.customer_waits
    from numbered n left join lateral (select x.* from entry_view x where shown and x.id = n.entry_id offset 0) w on true;
end $$;
