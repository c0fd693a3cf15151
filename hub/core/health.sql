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

-- overdue: Sends that should have left a minute ago.
select count(*) from outbound o where o.state = 'pending' and o.due_at < now() - interval '1 minute'
  and not exists (select from pace p where p.account_id = o.account_id); -- what keeps a pace may wait

-- services: Who runs what only one process may run.
select name, holder, expires_at between clock_timestamp() and clock_timestamp() + interval '1 minute' as held from lease where name in ('router', 'sweeper', 'scheduler', 'calls', 'media', 'reconcile') order by name;

-- failing_accounts: Accounts whose connector has something to complain about.
select key, coalesce(health ->> 'unusable', health ->> 'error') as error from account
where enabled and coalesce(health ->> 'unusable', health ->> 'error') is not null order by key;

-- frozen: Since when and why nothing leaves; no row while everything may.
select to_char(frozen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"') as since, reason
from sending where sending_frozen_since() is not null;
