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
select channel, max_per_agent, offer_timeout_seconds, auto_accept from channel_policy;

-- position: The place in the log from which changes must be read, and the server's clock.
select pg_snapshot_xmin(pg_current_snapshot())::text, extract(epoch from clock_timestamp())::float8;

-- changes: What others changed since a position: entries; those only queued, with when; agents; whether rules changed;
-- the next position; the place up to which this look was to see (`goal`: an earlier look's, or null for everything
-- begun by now); and whether something lies below that which is not readable yet.
with bound as (
    select pg_snapshot_xmin(s) as upto, coalesce(%(goal)s::text::xid8, pg_snapshot_xmax(s)) as goal
    from pg_current_snapshot() s
),
news as (
    select e.kind, e.agent_id, (e.data ->> 'entry_id')::bigint as entry_id, e.data ->> 'queued_at' as queued_at
    from event e
    where e.xid >= %(since)s::text::xid8 and e.xid < (select upto from bound) and e.kind <> 'offer.created'
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
       (select goal::text from bound),
       exists (select from event e where e.xid >= (select upto from bound) and e.xid < (select goal from bound));

-- commit: Commit decisions; see functions/routing.sql.
select entry_id, offer_id, agent_id, conversation_id, queue_id, event_id, agent_seq, at, expires_at, channel, queue_name,
       contact_id, contact_name, subject, preview, waited_seconds
from router_commit(%(lease)s, %(epoch)s, %(shown)s, %(entries)s::bigint[], %(agents)s::bigint[], %(seconds)s::integer[],
    %(keys)s::float8[], %(reasons)b::text[], %(considered)b::text[]);
