-- writable: Whether a transaction begun now could write.
select current_setting('transaction_read_only')::boolean as read_only, pg_is_in_recovery() as standby;

-- admins: People who can sign in and may do everything.
select count(*) from agent where role = 'admin' and password_hash is not null and disabled_at is null;

-- accounts: Mailboxes, numbers and sites in use.
select count(*) from account where enabled;

-- queues: Places to wait.
select count(*) from queue;

-- quarantined: Messages that could not be processed and that nobody has looked after.
select count(*) from raw where state = 'quarantined';

-- unknown: Sends that may or may not have arrived.
select count(*) from outbound where state = 'unknown';

-- overdue: Sends that should have left a minute ago, up to a thousand, and by how long the oldest. What waits for one
-- of its conversation that is leaving or not yet late, for its account's next try, or for its number's pace is not late; a
-- number that might have sent a minute ago and has not is.
select count(*)::int as count, coalesce(extract(epoch from clock_timestamp() - min(l.due_at)), 0)::float8 as seconds
from (
    select o.due_at from outbound o
    where o.state = 'pending' and o.due_at < now() - interval '1 minute' and (select sending_frozen_since()) is null
      and not exists (select from account_trouble t where t.account_id = o.account_id)
      and not exists (select from pace p where p.account_id = o.account_id and p.next_at > now() - interval '1 minute')
      and not exists (
          select from outbound b where b.conversation_id = o.conversation_id and b.account_id = o.account_id
            and b.id < o.id and (b.state in ('claimed', 'wire') or (b.state = 'pending' and b.due_at >= now() - interval '1 minute')))
    order by o.due_at limit 1000) l;

-- waiting: Whether anything is to leave by now, or was taken by a worker that is gone or stands still.
select exists (select from outbound where state = 'pending' and due_at <= now())
    or exists (select from outbound where state in ('claimed', 'wire') and lease_until < now());

-- workers: How many processes that send are alive.
select count(*) from worker where seen_at > clock_timestamp() - interval '30 seconds';

-- silent: Accounts that can send nothing, since when and why; and how many sends wait for that.
select t.account_id, a.key, a.channel, extract(epoch from clock_timestamp() - t.since)::float8 as seconds, t.code, t.params, t.error,
       (select count(*) from (select from outbound o where o.account_id = t.account_id and o.state in ('pending', 'claimed') limit 10000) w) as waiting
from account_trouble t join account a on a.id = t.account_id
where a.enabled order by t.since;

-- services: Who runs what only one process may run.
select name, holder, expires_at between clock_timestamp() and clock_timestamp() + interval '1 minute' as held from lease where name in ('router', 'sweeper', 'scheduler', 'calls', 'media', 'reconcile') order by name;

-- failing_accounts: Accounts whose connector has something to complain about.
select key, coalesce(health ->> 'unusable', health ->> 'error') as error from account
where enabled and coalesce(health ->> 'unusable', health ->> 'error') is not null order by key;

-- unserved: Queues that nobody can be given work of, though accounts deliver into them or work lies there; how much waits.
select q.name, (select count(*)::int from queue_entry e where e.queue_id = q.id and e.state in ('waiting', 'offered')) as waiting
from queue q
where q.archived_at is null
  and not exists (select from queue_staff p where p.queue_id = q.id)
  and (exists (select from account a where a.queue_id = q.id and a.enabled)
       or exists (select from queue_entry e where e.queue_id = q.id and e.state in ('waiting', 'offered')))
order by q.name, q.id;

-- frozen: Since when and why nothing leaves; no row while everything may.
select to_char(frozen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as since, reason
from sending where sending_frozen_since() is not null;
