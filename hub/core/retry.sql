-- failed: A part has failed so many times more.
insert into service_health as h (service, part, failures, error, failing_since, failed_at)
values (%(service)s, %(part)s, %(failures)s, %(error)s, clock_timestamp(), clock_timestamp())
on conflict (service, part) do update
set failures = h.failures + excluded.failures, error = excluded.error, failed_at = excluded.failed_at,
    failing_since = coalesce(h.failing_since, excluded.failing_since);

-- worked: It works.
update service_health set failures = 0, failing_since = null
where service = %(service)s and part = %(part)s and failures > 0;

-- failing: Parts that fail now. What nobody has reported for ten minutes has nobody who runs it, which is said of its lease.
select service, part, failures, error, failing_since, failed_at from service_health
where failures > 0 and failed_at > clock_timestamp() - interval '10 minutes' order by service, part;
