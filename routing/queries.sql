-- entries_all: Every live entry, as the router keeps it in memory.
select * from router_entry;

-- entries: Some of them, looked up by id. Written as a plain condition on the state, a plan made while the queue was
-- empty would look for each of them through everything that waits (the indexes of what lives are small then).
select * from router_entry_ever where id = any(%(ids)s) and state || '' <> 'closed';

-- agents_all: Everybody who may work.
select * from router_agent;

-- agents: Some of them.
select * from router_agent where id = any(%(ids)s);

-- channels: How channels are offered.
select channel, max_per_agent, offer_timeout_seconds, auto_accept, yields_to, placement from channel_policy;

-- blend: What is kept free for heavy work, where the center's file says so.
select value from meta where key = 'routing';

-- seen: What has come lately, so that what it needs can be kept free before more of it comes.
select distinct queue_id, channel, weight, case when requirements <> '[]' then requirements::text end
from queue_entry where id > (select max(id) - %(last)s from queue_entry);

-- position: What is committed by now, as a snapshot, and the server's clock.
select pg_current_snapshot()::text, extract(epoch from clock_timestamp())::float8;

-- changes: What was committed since a snapshot: entries; those only queued, with when; agents; whether rules changed; the
-- snapshot of this look. New is whatever that snapshot did not see: transactions that began after it (`xmax`), and those
-- that still ran then (`xip`). So nothing that stays open, here or in another database, hides what others commit.
with news as materialized (
    select e.kind, e.agent_id, (e.data ->> 'entry_id')::bigint as entry_id, e.data ->> 'queued_at' as queued_at
    from (
        select b.kind, b.agent_id, b.data from event b where b.xid >= pg_snapshot_xmax(%(since)s::text::pg_snapshot)
        union all
        select l.kind, l.agent_id, l.data
        from pg_snapshot_xip(%(since)s::text::pg_snapshot) as ran (xid)
        cross join lateral (select x.kind, x.agent_id, x.data from event x where x.xid = ran.xid offset 0) l
    ) e
    where e.kind <> 'offer.created'
), entries as (
    select entry_id, count(*) = 1 and min(kind) = 'entry.queued' as only_queued, min(queued_at) as queued_at
    from news where entry_id is not null group by entry_id
)
select (select array_agg(entry_id) from entries where not only_queued),
       (select array_agg(entry_id order by entry_id) from entries where only_queued),
       (select array_agg(extract(epoch from queued_at::timestamptz)::float8 order by entry_id) from entries where only_queued),
       (select array_agg(distinct agent_id) from news where agent_id is not null),
       exists (select from news where kind like 'config.%%'),
       pg_current_snapshot()::text;

-- commit: Commit decisions; see functions/routing.sql.
select entry_id, offer_id, agent_id, conversation_id, queue_id, event_id, agent_seq, at, expires_at, channel, queue_name,
       contact_id, contact_name, subject, preview, waits_since, said, customer_waits
from router_commit(%(lease)s, %(epoch)s, %(shown)s, %(entries)s::bigint[], %(agents)s::bigint[],
    %(beside_used)s::integer[], %(beside_same)s::integer[], %(seconds)s::integer[], %(keys)s::float8[],
    %(becauses)b::text[], %(considered)b::text[]);

-- note_kept: Why entries wait for which somebody is free: a decision for nobody, its key the moment when that ends.
insert into decision (entry_id, key, reason, because)
select e.id, k.key, '', k.because
from unnest(%(entries)s::bigint[], %(keys)s::float8[], %(becauses)s::jsonb[]) k (id, key, because)
join queue_entry e on e.id = k.id and e.state || '' = 'waiting';

-- lined_up: What is on offer and is no call, with its place in its agent's line by the clocks; one farther back where they have
-- just missed one: they are silent.
select o.id as offer_id, o.entry_id, o.agent_id,
       ((row_number() over (partition by o.agent_id order by o.expires_at, o.id)) + (s.missed > 0)::int)::int as place,
       extract(epoch from clock_timestamp() - o.offered_at)::float8 as seconds
from offer o
join queue_entry e on e.id = o.entry_id and e.offer_id = o.id and e.channel <> 'voice'
join agent_state s on s.agent_id = o.agent_id
where o.state = 'offered' and o.expires_at > clock_timestamp();
