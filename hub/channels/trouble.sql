-- note: An account can send nothing for now. The next try comes later each time, up to a minute, or when the provider says. Of
-- several sends that fail together the first counts; `probe` is the one that was let through to try.
insert into account_trouble as t (account_id, next_at, code, params, error)
values (%(account_id)s, clock_timestamp() + make_interval(secs => coalesce(%(pause)s, 5)), %(code)s, %(params)s, %(error)s)
on conflict (account_id) do update set
    failed_at = clock_timestamp(), code = excluded.code, params = excluded.params, error = excluded.error,
    failures = t.failures + case when %(probe)s or t.next_at <= clock_timestamp() then 1 else 0 end,
    next_at = case when %(probe)s or t.next_at <= clock_timestamp()
        then clock_timestamp() + make_interval(secs => coalesce(%(pause)s, least(60, 5 * power(2, least(t.failures, 5))) * (0.75 + random() / 4)))
        else t.next_at end
returning extract(epoch from next_at - clock_timestamp())::float8 as pause, failures;

-- clear: It can send again: what waited for that is due.
with gone as (
    delete from account_trouble where account_id = %(account_id)s returning account_id, code
), due as (
    select o.id from outbound o join gone g on g.account_id = o.account_id and g.code = o.code
    where o.state = 'pending' and o.due_at > clock_timestamp() and o.attempt > 0
    limit 1000 for update of o skip locked
)
update outbound o set due_at = clock_timestamp() from due where o.id = due.id;

-- troubles: Accounts that cannot send, since when, why, and how many sends wait for that.
select t.account_id, a.key, a.channel, a.name, t.since, t.failed_at, t.failures, t.next_at, t.code, t.params, t.error,
       extract(epoch from clock_timestamp() - t.since)::float8 as seconds,
       (select count(*) from (select from outbound o where o.account_id = t.account_id and o.state in ('pending', 'claimed') limit 10000) w) as waiting
from account_trouble t join account a on a.id = t.account_id
where (%(account_id)s::bigint is null or t.account_id = %(account_id)s) and a.enabled
order by t.since;

-- mended: Somebody changed the account: it is tried at once, with what its trouble put off. What is under way just now still
-- fails by what was; so the pauses begin anew, too.
with tried as (
    update account_trouble set next_at = clock_timestamp(), failures = 0 where account_id = %(account_id)s returning account_id, code
), due as (
    select o.id from outbound o join tried t on t.account_id = o.account_id and t.code = o.code
    where o.state = 'pending' and o.due_at > clock_timestamp() and o.attempt > 0
    limit 1000 for update of o skip locked
)
update outbound o set due_at = clock_timestamp() from due where o.id = due.id;
