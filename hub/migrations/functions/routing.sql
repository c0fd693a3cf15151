-- The router's decisions, committed as one statement: nothing of it can be left half done by a stopped process.
--
-- It holds only while the router still leads (`lease` at this epoch), only for entries that still wait, and only for
-- agents who are still available and still have room. Rows that somebody else holds at this moment are skipped
-- rather than waited for: the router reads them again and decides anew. What comes back was committed.
create or replace function router_commit(
    leader text, leader_epoch bigint, batch jsonb -- [{n, entry_id, agent_id, seconds, key, reason, considered}]
) returns table (
    entry_id bigint, offer_id bigint, agent_id bigint, conversation_id bigint, queue_id bigint, event_id bigint,
    agent_seq bigint, at timestamptz
)
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    moment    timestamptz;
    entry_ids bigint[];
    agent_ids bigint[];
    free  bigint[]; -- entries, locked
    ready bigint[]; -- agents, locked
begin
    perform 1 from lease l where l.name = leader and l.epoch = leader_epoch for share;
    if not found then
        raise exception 'the lease % moved on from epoch %', leader, leader_epoch using errcode = 'HB001';
    end if;
    select array_agg(b.entry_id), array_agg(distinct b.agent_id) into entry_ids, agent_ids
    from jsonb_to_recordset(batch) as b (entry_id bigint, agent_id bigint);
    select array_agg(s.id) into free from (
        select e.id from queue_entry e where e.id = any(entry_ids) and e.state = 'waiting'
        order by e.id for no key update skip locked
    ) s;
    select array_agg(s.agent_id) into ready from (
        select a.agent_id from agent_state a where a.agent_id = any(agent_ids) and a.state = 'available'
        order by a.agent_id for no key update skip locked
    ) s;
    moment := clock_timestamp();
    -- A statement of its own: it sees what was committed before those locks were granted. Ids and sequences are given
    -- out beforehand, so that nothing has to be joined again: the planner knows no sizes here.
    return query
    with pick as (
        select p.n as position, p.entry_id, p.agent_id, p.seconds, p.key, p.reason, p.considered
        from jsonb_to_recordset(batch) as p (
            n integer, entry_id bigint, agent_id bigint, seconds integer, key float8, reason text, considered jsonb)
        where p.entry_id = any(free) and p.agent_id = any(ready)
    ), weighed as (
        select p.*, e.conversation_id, e.queue_id, s.seq,
               held.used + sum(e.weight) over (partition by p.agent_id order by p.position) <= a.capacity
               and held.same + count(*) over (partition by p.agent_id, e.channel order by p.position)
                   <= coalesce(c.max_per_agent, cp.max_per_agent, 1) as fits
        from pick p
        join queue_entry e on e.id = p.entry_id
        join agent_state s on s.agent_id = p.agent_id
        join agent a on a.id = p.agent_id and a.disabled_at is null
        left join channel_policy cp on cp.channel = e.channel
        left join agent_channel c on c.agent_id = p.agent_id and c.channel = e.channel
        cross join lateral (
            select coalesce(sum(h.weight), 0) as used, count(*) filter (where h.channel = e.channel) as same
            from queue_entry h
            where h.agent_id = p.agent_id and h.state in ('offered', 'assigned', 'wrapping')
        ) held
    ), numbered as (
        select w.*, nextval('offer_id_seq') as offer_id, nextval('event_id_seq') as event_id,
               w.seq + row_number() over (partition by w.agent_id order by w.position) as agent_seq
        from weighed w where w.fits
    ), made as (
        insert into offer (id, entry_id, agent_id, offered_at, expires_at, epoch) overriding system value
        select n.offer_id, n.entry_id, n.agent_id, moment, moment + make_interval(secs => n.seconds), leader_epoch
        from numbered n
    ), moved as (
        update queue_entry e set state = 'offered', agent_id = n.agent_id, offer_id = n.offer_id, offers = e.offers + 1
        from numbered n where e.id = n.entry_id
    ), rung as (
        update agent_state s set seq = n.seq
        from (select agent_id, max(agent_seq) as seq from numbered group by agent_id) n
        where s.agent_id = n.agent_id
    ), told as (
        insert into decision (entry_id, offer_id, agent_id, key, reason, candidates)
        select n.entry_id, n.offer_id, n.agent_id, n.key, n.reason, n.considered from numbered n
    ), logged as (
        insert into event (id, at, kind, conversation_id, agent_id, agent_seq, queue_id, data) overriding system value
        select n.event_id, moment, 'offer.created', n.conversation_id, n.agent_id, n.agent_seq, n.queue_id,
               jsonb_build_object('offer_id', n.offer_id, 'entry_id', n.entry_id, 'conversation_id', n.conversation_id)
        from numbered n
    )
    select n.entry_id, n.offer_id, n.agent_id, n.conversation_id, n.queue_id, n.event_id, n.agent_seq, moment
    from numbered n;
end $$;
