-- results: Record results and reports (migrations/functions/outbox.sql), waiting so long for each lock.
select r.*
from (select set_config('lock_timeout', %(lock)s, true) as lock offset 0) s
cross join lateral (select x.* from outbox_results(case when s.lock <> '' then %(items)s::jsonb end) x offset 0) r;
