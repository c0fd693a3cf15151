-- count: Count what the next events say about waits: cohorts per quarter of an hour of queueing, the flow per five minutes.
with batch as materialized (
    select xid, id, at, kind, queue_id, data
    from event
    where (xid, id) > (%(xid)s::text::xid8, %(id)s) and xid < (select log_horizon(pg_current_snapshot()))
    order by xid, id
    limit %(limit)s
), waits as (
    select queue_id, kind, at, data, data ->> 'channel' as channel, (data ->> 'queued_at')::timestamptz as queued_at,
           coalesce((data ->> 'short')::boolean, false) as short
    from batch
    where queue_id is not null and kind in ('entry.queued', 'entry.answered', 'entry.abandoned', 'entry.flowed_out')
      and not data ? 'again' -- the wait of an entry ends once: what was put back and taken again was answered already
), counted as (
    insert into stat_bucket as b (queue_id, channel, at, entered, answered, answered_in_target, abandoned,
                                  short_abandoned, flowed_out, wait_seconds)
    select queue_id, channel, date_bin('15 minutes', queued_at, 'epoch') as bucket,
           count(*) filter (where kind = 'entry.queued'),
           count(*) filter (where kind = 'entry.answered'),
           count(*) filter (where kind = 'entry.answered' and (data ->> 'in_target')::boolean),
           count(*) filter (where kind = 'entry.abandoned' and not short),
           count(*) filter (where kind = 'entry.abandoned' and short),
           count(*) filter (where kind = 'entry.flowed_out'),
           coalesce(sum((data ->> 'wait_seconds')::float8) filter (where kind = 'entry.answered'), 0)
    from waits
    group by 1, 2, 3
    order by 1, 2, 3 -- in one order, so that two counters cannot wait for each other
    on conflict (queue_id, channel, at) do update set
        entered = b.entered + excluded.entered,
        answered = b.answered + excluded.answered,
        answered_in_target = b.answered_in_target + excluded.answered_in_target,
        abandoned = b.abandoned + excluded.abandoned,
        short_abandoned = b.short_abandoned + excluded.short_abandoned,
        flowed_out = b.flowed_out + excluded.flowed_out,
        wait_seconds = b.wait_seconds + excluded.wait_seconds
), flowed as (
    insert into stat_flow as f (queue_id, at, arrived, answered)
    select queue_id, date_bin('5 minutes', at, 'epoch') as bucket,
           count(*) filter (where kind = 'entry.queued'), count(*) filter (where kind = 'entry.answered')
    from waits
    where kind in ('entry.queued', 'entry.answered')
    group by 1, 2
    order by 2, 1
    on conflict (at, queue_id) do update set arrived = f.arrived + excluded.arrived, answered = f.answered + excluded.answered
)
select count(*)::int as read, (array_agg(xid order by xid desc, id desc))[1]::text as xid,
       (array_agg(id order by xid desc, id desc))[1] as id
from batch;

-- clear_buckets: Forget the counts.
truncate stat_bucket, stat_flow;

-- restart: Read the log from its beginning.
delete from event_cursor where reader = %(reader)s;

-- queues: Each queue as it is now, with its people, and today's counts by its own calendar.
with live as (
    select queue_id,
           count(*) filter (where state in ('waiting', 'offered'))::int as waiting, -- on offer they wait still
           count(*) filter (where state = 'offered')::int as offered,
           count(*) filter (where state = 'assigned')::int as assigned,
           min(entered_at) filter (where state in ('waiting', 'offered')) as oldest
    from queue_entry where state <> 'closed' group by queue_id
), people as (
    select p.queue_id, count(*)::int as total, count(*) filter (where p.state = 'available')::int as available
    from queue_staff p
    group by p.queue_id
), today as (
    select q.id as queue_id, sum(b.entered)::int as entered, sum(b.answered)::int as answered,
           sum(b.answered_in_target)::int as answered_in_target, sum(b.abandoned)::int as abandoned,
           sum(b.short_abandoned)::int as short_abandoned, sum(b.flowed_out)::int as flowed_out,
           sum(b.wait_seconds)::float8 as wait_seconds
    from queue q
    left join hours h on h.id = q.hours_id
    join stat_bucket b on b.queue_id = q.id
        and b.at >= date_trunc('day', clock_timestamp() at time zone coalesce(h.timezone, 'UTC')) at time zone coalesce(h.timezone, 'UTC')
    group by q.id
)
select q.id, q.key, q.name, q.service_level_seconds as target_seconds,
       coalesce(l.waiting, 0) as waiting, coalesce(l.offered, 0) as offered, coalesce(l.assigned, 0) as assigned,
       l.oldest as oldest_entered_at,
       coalesce(extract(epoch from clock_timestamp() - l.oldest), 0)::float8 as longest_wait_seconds,
       coalesce(p.available, 0) as agents_available, coalesce(p.total, 0) as agents_total,
       coalesce(t.entered, 0) as entered, coalesce(t.answered, 0) as answered,
       coalesce(t.answered_in_target, 0) as answered_in_target, coalesce(t.abandoned, 0) as abandoned,
       coalesce(t.short_abandoned, 0) as short_abandoned, coalesce(t.flowed_out, 0) as flowed_out,
       coalesce(t.wait_seconds, 0) as wait_seconds
from queue q
left join live l on l.queue_id = q.id
left join people p on p.queue_id = q.id
left join today t on t.queue_id = q.id
where q.archived_at is null
order by q.name, q.id;

-- position: What is committed by now, as a snapshot.
select pg_current_snapshot()::text;

-- changed: Queues of whose conversations something was committed since a snapshot, and the snapshot of this look. Like the
-- router's `changes`: nothing that commits late is left out.
with news as materialized (
    select e.queue_id, e.conversation_id from event e
    where e.xid >= pg_snapshot_xmax(%(since)s::text::pg_snapshot) and e.conversation_id is not null
    union all
    select l.queue_id, l.conversation_id
    from pg_snapshot_xip(%(since)s::text::pg_snapshot) as ran (xid)
    cross join lateral (select x.queue_id, x.conversation_id from event x where x.xid = ran.xid offset 0) l
    where l.conversation_id is not null
)
select (select array_agg(distinct f.queue_id) from (
            select n.queue_id from news n
            union all
            select v.queue_id from news n cross join lateral (
                select c.queue_id from conversation c where c.id = n.conversation_id offset 0) v) f
        where f.queue_id is not null) as queues,
       pg_current_snapshot()::text as position;

-- agents: Each agent as they are now.
select a.id, a.name, coalesce(s.state, 'offline') as state, s.reason, coalesce(s.since, a.created_at) as since,
       count(e.id) filter (where e.state = 'assigned')::int as conversations,
       count(e.id) filter (where e.state = 'wrapping')::int as wrapping
from agent a
left join agent_state s on s.agent_id = a.id
left join queue_entry e on e.agent_id = a.id and e.state in ('assigned', 'wrapping')
where a.disabled_at is null
group by a.id, s.agent_id
order by a.name, a.id;

-- series: What came and was answered in the last hour, per five minutes, without gaps.
select t.at, coalesce(sum(f.arrived), 0)::int as arrived, coalesce(sum(f.answered), 0)::int as answered
from generate_series(date_bin('5 minutes', clock_timestamp(), 'epoch') - interval '55 minutes',
                     date_bin('5 minutes', clock_timestamp(), 'epoch'), interval '5 minutes') as t (at)
left join stat_flow f on f.at = t.at
group by t.at
order by t.at;

-- history: Counts per queue, channel and interval of entering, page by page. Whole days are days of a calendar: the given one, or the
-- queue's. An interval begins no later than what was counted in it, so nothing before the cursor's needs to be read again.
select * from (
select b.queue_id, b.channel,
       case when %(seconds)s %% 86400 = 0
            then date_bin(make_interval(secs => %(seconds)s), b.at at time zone z.name, %(since)s at time zone z.name) at time zone z.name
            else date_bin(make_interval(secs => %(seconds)s), b.at, %(since)s) end as at,
       sum(b.entered)::int as entered, sum(b.answered)::int as answered,
       sum(b.answered_in_target)::int as answered_in_target, sum(b.abandoned)::int as abandoned,
       sum(b.short_abandoned)::int as short_abandoned, sum(b.flowed_out)::int as flowed_out,
       sum(b.wait_seconds)::float8 as wait_seconds
from stat_bucket b
left join queue q on q.id = b.queue_id
left join hours h on h.id = q.hours_id
cross join lateral (select coalesce(%(timezone)s::text, h.timezone, 'UTC') as name) z
where b.at >= %(since)s and b.at < %(until)s and (%(queue_ids)s::bigint[] is null or b.queue_id = any(%(queue_ids)s))
  and (%(after)s::timestamptz is null or b.at >= %(after)s)
group by 1, 2, 3
) h
where %(after)s::timestamptz is null or (h.at, h.queue_id, h.channel) > (%(after)s, %(after_queue)s::bigint, %(after_channel)s)
order by h.at, h.queue_id, h.channel
limit %(limit)s;

-- ratings: What customers said in a time, by queue and by whoever answered them.
select q.id as queue_id, q.name as queue_name, a.id as agent_id, a.name as agent_name, count(*)::int as count,
       sum(r.score)::int as total, count(*) filter (where r.score >= 4)::int as satisfied
from rating r
join conversation v on v.id = r.conversation_id
left join queue q on q.id = coalesce(r.queue_id, v.queue_id)
left join agent a on a.id = r.agent_id
where r.at >= %(since)s and r.at < %(until)s and (%(queue_ids)s::bigint[] is null or q.id = any(%(queue_ids)s))
group by q.id, a.id;
