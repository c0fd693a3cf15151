-- spent_rows: A row for each number's day that has none.
insert into spending (account_id, day)
select distinct a.id, (now() at time zone 'utc')::date from unnest(%(accounts)s::bigint[]) as a (id)
on conflict do nothing;

-- spent: What those numbers have sent today, held until the transaction ends.
select account_id, segments from spending
where account_id = any(%(accounts)s) and day = (now() at time zone 'utc')::date order by account_id for update;

-- uncounted: Which of these sends are not counted yet.
select id from outbound where id = any(%(ids)s) and segments is null order by id for update;

-- count_sends: They are counted now.
update outbound o set segments = c.n from unnest(%(ids)s::bigint[], %(segments)s::int[]) as c (id, n) where o.id = c.id;

-- spend: Add to a number's day.
update spending s set segments = s.segments + c.n
from unnest(%(accounts)s::bigint[], %(segments)s::int[]) as c (account_id, n)
where s.account_id = c.account_id and s.day = (now() at time zone 'utc')::date;
