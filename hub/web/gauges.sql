-- gauges: What waits, what has not left, who holds what, what could not be processed.
select 'queue' as what, q.key as label,
       (select count(*) from queue_entry e where e.queue_id = q.id and e.state = 'waiting')::float8 as number from queue q
union all
select 'outbox', s.state, (select count(*) from outbound o where o.state = s.state)::float8
from (values ('pending'), ('unknown')) s (state)
union all
select 'outbox', 'overdue', count(*)::float8 from outbound o
where o.state = 'pending' and o.due_at < now() - interval '1 minute'
  and not exists (select from pace p where p.account_id = o.account_id and p.next_at > now() - interval '1 minute')
union all
select 'silent', a.key, extract(epoch from clock_timestamp() - t.since)::float8
from account_trouble t join account a on a.id = t.account_id where a.enabled
union all
select 'workers', '', count(*)::float8 from worker where seen_at > clock_timestamp() - interval '30 seconds'
union all
select 'lease', name, (expires_at between clock_timestamp() and clock_timestamp() + interval '1 minute')::int::float8 from lease
union all
select 'frozen', '', (sending_frozen_since() is not null)::int::float8
union all
select 'quarantine', '', count(*)::float8 from raw where state = 'quarantined';
