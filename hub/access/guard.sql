-- reserve: Count an attempt as failed before its password is looked at; no row while the pause after earlier failures lasts.
insert into sign_in_failure as f (key, failures, last_at) values (%(key)s, 1, clock_timestamp())
on conflict (key) do update set
    failures = case when f.last_at < clock_timestamp() - make_interval(secs => %(memory)s) then 1 else f.failures + 1 end,
    last_at = clock_timestamp()
where f.failures < %(free)s
   or f.last_at + make_interval(secs => least(%(longest)s, power(2, least(f.failures - %(free)s, 20)))) <= clock_timestamp()
returning failures;

-- pause: Seconds until the next attempt is looked at.
select extract(epoch from f.last_at + make_interval(secs => least(%(longest)s, power(2, least(f.failures - %(free)s, 20)))) - clock_timestamp())
from sign_in_failure f where f.key = %(key)s and f.failures >= %(free)s;

-- release: The attempt was none, or a good one: it does not count.
update sign_in_failure set failures = greatest(0, failures - 1) where key = %(key)s;

-- forget: A good sign-in clears what was counted for it.
delete from sign_in_failure where key = %(key)s;

-- expire: Drop what nobody counts any more.
delete from sign_in_failure where last_at < clock_timestamp() - make_interval(secs => %(memory)s);
