-- records: All queues, the archived last, with who works there and what comes in.
select q.id, q.key, q.name, q.target_seconds, q.service_level_seconds, q.short_abandon_seconds, q.priority_seconds, q.wrap_up_seconds,
       q.hours_id, h.key as hours_key, q.source, q.version, q.archived_at,
       (select count(*)::int from agent_queue m join agent a on a.id = m.agent_id where m.queue_id = q.id and a.disabled_at is null) as people,
       (select count(*)::int from account t where t.queue_id = q.id and t.enabled) as accounts,
       (select count(*)::int from queue_entry e where e.queue_id = q.id and e.state <> 'closed') as entries
from queue q left join hours h on h.id = q.hours_id
order by q.archived_at nulls first, lower(q.name), q.id;

-- record: One queue.
select q.id, q.key, q.name, q.target_seconds, q.service_level_seconds, q.short_abandon_seconds, q.priority_seconds, q.wrap_up_seconds,
       q.hours_id, q.source, q.version, q.archived_at
from queue q where q.id = %(id)s;

-- lock_record: Nobody else changes it until the transaction ends.
select 1 from queue where id = %(id)s for update;

-- by_key: A queue by what files call it.
select id, name, archived_at from queue where key = %(key)s;

-- add_record: A new queue of the pages.
insert into queue (key, name, target_seconds, service_level_seconds, short_abandon_seconds, priority_seconds, wrap_up_seconds, hours_id, source)
values (%(key)s, %(name)s, %(target_seconds)s, %(service_level_seconds)s, %(short_abandon_seconds)s, %(priority_seconds)s,
    %(wrap_up_seconds)s, %(hours_id)s, 'page')
returning id;

-- change_record: All that can be changed of a queue.
update queue set name = %(name)s, target_seconds = %(target_seconds)s, service_level_seconds = %(service_level_seconds)s,
    short_abandon_seconds = %(short_abandon_seconds)s, priority_seconds = %(priority_seconds)s, wrap_up_seconds = %(wrap_up_seconds)s,
    hours_id = %(hours_id)s, source = %(source)s, version = version + 1
where id = %(id)s returning id;

-- archive_record: No longer used, or again.
update queue set archived_at = case when %(archived)s then now() end, version = version + 1 where id = %(id)s;

-- in_use: What still comes into a queue, waits there or would be lost with it.
select (select count(*)::int from account t where t.queue_id = %(id)s and t.enabled) as accounts,
       (select count(*)::int from queue_entry e where e.queue_id = %(id)s and e.state <> 'closed') as entries,
       (select count(*)::int from queue q where q.archived_at is null and q.id <> %(id)s) as others;

-- hours: Opening hours that a queue can have.
select id, key, timezone from hours order by key;
