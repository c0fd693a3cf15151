-- entries_all: Every live entry, as the router keeps it in memory.
select * from router_entry;

-- entries: Some of them.
select * from router_entry where id = any(%(ids)s);

-- agents_all: Everybody who may work.
select * from router_agent;

-- agents: Some of them.
select * from router_agent where id = any(%(ids)s);

-- channels: How channels are offered.
select channel, max_per_agent, offer_timeout_seconds, auto_accept from channel_policy;

-- position: The place in the log from which changes must be read, and the server's clock.
select pg_snapshot_xmin(pg_current_snapshot())::text, extract(epoch from clock_timestamp())::float8;

-- changes: What others changed since a position: entries; those only queued, with when; agents; whether rules changed;
-- the next position; and whether something lies beyond it that is not readable yet.
with bound as (select pg_snapshot_xmin(pg_current_snapshot()) as upto),
news as (
    select e.kind, e.agent_id, (e.data ->> 'entry_id')::bigint as entry_id, e.data ->> 'queued_at' as queued_at
    from event e, bound b
    where e.xid >= %(since)s::text::xid8 and e.xid < b.upto and e.kind <> 'offer.created'
), entries as (
    select entry_id, count(*) = 1 and min(kind) = 'entry.queued' as only_queued, min(queued_at) as queued_at
    from news where entry_id is not null group by entry_id
)
select (select upto::text from bound),
       (select array_agg(entry_id) from entries where not only_queued),
       (select array_agg(entry_id order by entry_id) from entries where only_queued),
       (select array_agg(extract(epoch from queued_at::timestamptz)::float8 order by entry_id) from entries where only_queued),
       (select array_agg(distinct agent_id) from news where agent_id is not null),
       exists (select from news where kind like 'config.%%'),
       exists (select from event e, bound b where e.xid >= b.upto);

-- commit: Commit decisions; see functions/routing.sql.
select entry_id, offer_id, agent_id, conversation_id, queue_id, event_id, agent_seq, at
from router_commit(%(lease)s, %(epoch)s, %(entries)b::bigint[], %(agents)b::bigint[], %(seconds)b::integer[],
    %(keys)b::float8[], %(reasons)b::text[], %(considered)b::text[]);
