-- numbers: How each of some accounts fares.
select a.id as account_id, coalesce(s.segments, 0) as segments_today,
       (select count(*) from outbound o where o.account_id = a.id and o.state = 'pending')::int as waiting,
       (select count(*) from outbound o where o.account_id = a.id and o.state = 'unknown')::int as unsettled,
       (select jsonb_build_object('day', r.day, 'at', r.at, 'provider_count', r.provider, 'stored_count', r.stored,
                                  'missing', r.provider - r.stored - r.fetched - r.foreign_)
        from reconciliation r where r.account_id = a.id order by r.day desc limit 1) as last_reconciled
from account a
left join spending s on s.account_id = a.id and s.day = (now() at time zone 'utc')::date
where a.id = any(%(ids)s);
