-- records: All queues, the archived last, with who works there and what comes in.
select q.id, q.key, q.name, q.target_seconds, q.service_level_seconds, q.short_abandon_seconds, q.priority_seconds, q.wrap_up_seconds,
       q.hours_id, h.key as hours_key, q.source, q.version, q.archived_at, queue_members(q.id) as members,
       (select count(*)::int from queue_staff p where p.queue_id = q.id) as people,
       (select count(*)::int from queue_staff p where p.queue_id = q.id and p.state in ('available', 'busy')) as present,
       (select count(*)::int from account t where t.queue_id = q.id and t.enabled) as accounts,
       coalesce((select jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'channel', t.channel) order by t.name, t.id)
                 from account t where t.queue_id = q.id and t.enabled), '[]') as delivering,
       (select count(*)::int from queue_entry e where e.queue_id = q.id and e.state <> 'closed') as entries
from queue q left join hours h on h.id = q.hours_id
order by q.archived_at nulls first, lower(q.name), q.id;

-- record: One queue.
select q.id, q.key, q.name, q.target_seconds, q.service_level_seconds, q.short_abandon_seconds, q.priority_seconds, q.wrap_up_seconds,
       q.hours_id, q.source, q.version, q.archived_at, queue_members(q.id) as members
from queue q where q.id = %(id)s;

-- lock_record: Nobody else changes it until the transaction ends.
select 1 from queue where id = %(id)s for update;

-- by_key: A queue by what files call it.
select id, name, archived_at from queue where key = %(key)s;

-- add_record: A new queue of the pages.
with made as (
    insert into queue (key, name, target_seconds, service_level_seconds, short_abandon_seconds, priority_seconds, wrap_up_seconds, hours_id, source)
    values (%(key)s, %(name)s, %(target_seconds)s, %(service_level_seconds)s, %(short_abandon_seconds)s, %(priority_seconds)s,
        %(wrap_up_seconds)s, %(hours_id)s, 'page')
    returning id
), joined as (
    insert into agent_queue (agent_id, queue_id)
    select p.id::bigint, made.id from made, jsonb_array_elements_text(%(members)s) as p (id)
)
select id from made;

-- change_record: All that can be changed of a queue.
with moved as (
    update queue set name = %(name)s, target_seconds = %(target_seconds)s, service_level_seconds = %(service_level_seconds)s,
        short_abandon_seconds = %(short_abandon_seconds)s, priority_seconds = %(priority_seconds)s, wrap_up_seconds = %(wrap_up_seconds)s,
        hours_id = %(hours_id)s, source = %(source)s, version = version + 1
    where id = %(id)s returning id
), wanted as (
    select p.id::bigint as agent_id from jsonb_array_elements_text(%(members)s) as p (id)
), gone as (
    delete from agent_queue m using moved
    where m.queue_id = moved.id and m.agent_id not in (select w.agent_id from wanted w)
      and exists (select from agent a where a.id = m.agent_id and a.disabled_at is null) -- who left is not shown here
), joined as (
    insert into agent_queue (agent_id, queue_id) select w.agent_id, moved.id from wanted w, moved on conflict do nothing
)
select id from moved;

-- same_name: Two queues in use that are called the same, but for case and spaces.
select a.id, a.key, a.name, b.id as other_id, b.key as other_key
from queue a join queue b on b.id > a.id and name_as_read(b.name) = name_as_read(a.name)
where a.archived_at is null and b.archived_at is null order by a.id, b.id;

-- name_taken: Whether another queue in use is called so; who keeps its own name has it.
select exists (
    select from queue o where o.archived_at is null and o.id is distinct from %(id)s::bigint and name_as_read(o.name) = name_as_read(%(name)s))
  and not exists (select from queue o where o.id = %(id)s::bigint and o.name = %(name)s);

-- archive_record: No longer used, or again.
update queue set archived_at = case when %(archived)s then now() end, version = version + 1 where id = %(id)s;

-- in_use: What still comes into a queue, waits there or would be lost with it.
select (select count(*)::int from account t where t.queue_id = %(id)s and t.enabled) as accounts,
       (select count(*)::int from queue_entry e where e.queue_id = %(id)s and e.state <> 'closed') as entries,
       (select count(*)::int from queue q where q.archived_at is null and q.id <> %(id)s) as others;

-- hours: Opening hours that a queue can have.
select id, key, timezone from hours order by key;

-- known: Whether these opening hours are there, and each of these people.
select %(hours_id)s::bigint is null or exists (select from hours h where h.id = %(hours_id)s::bigint) as hours_id,
       not exists (select from unnest(%(members)s::bigint[]) as m (id) where m.id not in (select a.id from agent a)) as members;
