-- mine: On the viewer's desk.
select v.id, v.updated_at from conversation v
where v.agent_id = %(viewer)s and v.status = 'open'
  and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
  and (%(channel)s::text is null or v.channel = %(channel)s)
  and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
order by v.updated_at desc, v.id desc limit %(limit)s;

-- waiting: What nobody has and somebody is to be found for, in the viewer's queues: the newest of each queue, merged.
with places as (
    select q.id from queue q
    where may_see_queue(q.id, %(sees_all)s, %(queues)s)
      and (%(queue_id)s::bigint is null or q.id = %(queue_id)s)
)
select v.id, v.updated_at from places p cross join lateral (
    select v.id, v.updated_at from conversation v
    where v.queue_id = p.id and v.status = 'open' and v.agent_id is null
      and exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' and e.state in ('waiting', 'offered'))
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
) v
union all (
    select v.id, v.updated_at from conversation v
    where %(sees_all)s and %(queue_id)s::bigint is null
      and v.queue_id is null and v.status = 'open' and v.agent_id is null
      and exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' and e.state in ('waiting', 'offered'))
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
order by updated_at desc, id desc limit %(limit)s;

-- snoozed: What is put aside, in the viewer's queues and by the viewer.
with places as (
    select q.id from queue q
    where may_see_queue(q.id, %(sees_all)s, %(queues)s)
      and (%(queue_id)s::bigint is null or q.id = %(queue_id)s)
)
select v.id, v.updated_at from places p cross join lateral (
    select v.id, v.updated_at from conversation v
    where v.queue_id = p.id and v.status = 'snoozed'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
) v
union (
    select v.id, v.updated_at from conversation v
    where v.agent_id = %(viewer)s and v.status = 'snoozed'
      and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
union (
    select v.id, v.updated_at from conversation v
    where %(sees_all)s and %(queue_id)s::bigint is null and v.queue_id is null and v.status = 'snoozed'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
order by updated_at desc, id desc limit %(limit)s;

-- resolved: What is over, in the viewer's queues, and what the viewer had in others.
with places as (
    select q.id, may_see_queue(q.id, %(sees_all)s, %(queues)s) as own
    from queue q where %(queue_id)s::bigint is null or q.id = %(queue_id)s
)
select v.id, v.updated_at from places p cross join lateral (
    select v.id, v.updated_at from conversation v
    where v.queue_id = p.id and v.status = 'resolved'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
) v where p.own
union all
select v.id, v.updated_at from places p cross join lateral (
    select v.id, v.updated_at from conversation v
    where v.agent_id = %(viewer)s and v.queue_id = p.id and v.status = 'resolved'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
) v where not p.own
union all (
    select v.id, v.updated_at from conversation v
    where %(queue_id)s::bigint is null and v.queue_id is null and v.status = 'resolved'
      and (%(sees_all)s or v.agent_id = %(viewer)s)
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
order by updated_at desc, id desc limit %(limit)s;

-- live: What is not over, in the viewer's queues and on the viewer's desk.
with places as (
    select q.id from queue q
    where may_see_queue(q.id, %(sees_all)s, %(queues)s)
      and (%(queue_id)s::bigint is null or q.id = %(queue_id)s)
)
select v.id, v.updated_at from places p cross join lateral (
    select v.id, v.updated_at from conversation v
    where v.queue_id = p.id and v.status <> 'resolved'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
) v
union (
    select v.id, v.updated_at from conversation v
    where v.agent_id = %(viewer)s and v.status <> 'resolved'
      and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
union (
    select v.id, v.updated_at from conversation v
    where %(sees_all)s and %(queue_id)s::bigint is null and v.queue_id is null and v.status <> 'resolved'
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(before)s::timestamptz is null or (v.updated_at, v.id) < (%(before)s, %(before_id)s))
    order by v.updated_at desc, v.id desc limit %(limit)s
)
order by updated_at desc, id desc limit %(limit)s;

-- counts: How many lie where, for the viewer: of their queues as it is kept, of others what is on their desk, and what is over
-- for a day back.
with places as (
    select q.id, may_see_queue(q.id, %(sees_all)s, %(queues)s) as own
    from queue q
), kept as (
    select k.queue_id, k.what, k.n from queue_counts k
    where case when k.queue_id = 0 then %(sees_all)s else may_see_queue(k.queue_id, %(sees_all)s, %(queues)s) end
), live as (
    select k.queue_id, k.what as status, k.n from kept k where k.what <> 'waiting'
    union all
    select v.queue_id, v.status, count(*) from conversation v
    where v.agent_id = %(viewer)s and v.status <> 'resolved' and not %(sees_all)s
      and not exists (select from places p where p.id = v.queue_id and p.own) group by 1, 2
)
select (select count(*) from conversation v where v.agent_id = %(viewer)s and v.status = 'open')::int as mine,
       (select coalesce(sum(n), 0) from kept where what = 'waiting')::int as waiting,
       (select coalesce(sum(n), 0) from live where status = 'snoozed')::int as snoozed,
       ((select count(*) from places p cross join lateral (
             select from conversation v where v.queue_id = p.id and v.status = 'resolved' and v.updated_at > now() - interval '1 day'
                and v.resolved_at > now() - interval '1 day') v where p.own)
        + (select count(*) from places p cross join lateral (
             select from conversation v where v.agent_id = %(viewer)s and v.queue_id = p.id and v.status = 'resolved'
                and v.updated_at > now() - interval '1 day' and v.resolved_at > now() - interval '1 day') v where not p.own)
        + (select count(*) from conversation v
           where v.queue_id is null and v.status = 'resolved' and v.updated_at > now() - interval '1 day'
             and v.resolved_at > now() - interval '1 day' and (%(sees_all)s or v.agent_id = %(viewer)s)))::int as resolved_today,
       coalesce((select jsonb_object_agg(queue_id, n) from (
           select queue_id, sum(n) as n from live where status = 'open' and queue_id <> 0 group by queue_id having sum(n) <> 0) q), '{}') as queues;
