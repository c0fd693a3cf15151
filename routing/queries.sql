-- entries_all: Every live entry, as the router keeps it in memory; times in seconds since the epoch.
select id, conversation_id, queue_id, channel, state, extract(epoch from entered_at)::float8,
       extract(epoch from queued_at)::float8, target_seconds, priority_seconds, weight,
       case when requirements <> '[]' then requirements::text end, sticky_agent_id,
       extract(epoch from sticky_until)::float8, case when excluded <> '{}' then excluded::text end, agent_id
from queue_entry where state <> 'closed';

-- entries: The same for some entries.
select id, conversation_id, queue_id, channel, state, extract(epoch from entered_at)::float8,
       extract(epoch from queued_at)::float8, target_seconds, priority_seconds, weight,
       case when requirements <> '[]' then requirements::text end, sticky_agent_id,
       extract(epoch from sticky_until)::float8, case when excluded <> '{}' then excluded::text end, agent_id
from queue_entry where state <> 'closed' and id = any(%(ids)s);

-- agents: Everybody who may work, or some of them, with what they can do.
select a.id, a.capacity, coalesce(s.state, 'offline'), s.reason, coalesce(extract(epoch from s.idle_since), 0)::float8,
       coalesce((select array_agg(q.queue_id order by q.queue_id) from agent_queue q where q.agent_id = a.id), '{}'),
       (select jsonb_object_agg(k.key, g.level) from agent_skill g join skill k on k.id = g.skill_id where g.agent_id = a.id),
       coalesce((select jsonb_object_agg(c.channel, c.max_per_agent) from agent_channel c where c.agent_id = a.id), '{}')
           -- nobody is called who has no telephone: `device.changed` in the log makes the router look again
           || case when exists (select from agent_device d where d.agent_id = a.id
                                and (d.kind = 'phone' or d.ready_until > clock_timestamp())) then '{}'::jsonb else '{"voice": 0}' end
from agent a left join agent_state s on s.agent_id = a.id
where a.disabled_at is null and (%(ids)s::bigint[] is null or a.id = any(%(ids)s));

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
from router_commit(%(lease)s, %(epoch)s, %(batch)s::jsonb);
