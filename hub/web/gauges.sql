-- gauges: What waits, what has not left, who holds what, what could not be processed.
select 'queue' as what, q.key as label,
       (select count(*) from queue_entry e where e.queue_id = q.id and e.state = 'waiting')::float8 as number from queue q
union all
select 'outbox', s.state, (select count(*) from outbound o where o.state = s.state)::float8
from (values ('pending'), ('unknown')) s (state)
union all
select 'lease', name, (expires_at between clock_timestamp() and clock_timestamp() + interval '1 minute')::int::float8 from lease
union all
select 'frozen', '', (sending_frozen_since() is not null)::int::float8
union all
select 'quarantine', '', count(*)::float8 from raw where state = 'quarantined';
