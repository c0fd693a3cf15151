-- table: What was applied, and with which text.
create table if not exists migration (name text primary key, text text, at timestamptz default now());

-- known: Everything that was applied.
select name, text from migration;

-- applied: Note that a file was applied.
insert into migration (name, text) values (%(name)s, %(text)s)
on conflict (name) do update set text = excluded.text, at = now();

-- oldest: The age a hub must have to work on this database.
select oldest from compatibility;

-- invalid: Whether an index was left behind by a build that did not end.
select 1 from pg_index where indexrelid = to_regclass(%(name)s) and not indisvalid;

-- others: Transactions that are open in this database, the oldest first.
select pid, application_name, state, extract(epoch from clock_timestamp() - xact_start)::float8
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
order by xact_start limit 3;

-- from_elsewhere: Whether the log was written in another cluster, whose transaction ids were ahead of ours.
select exists (select from event where xid > pg_current_xact_id())
    or exists (select from event_cursor where xid > pg_current_xact_id());

-- there: The table of what was applied, if a hub ever was here.
select to_regclass('migration');

-- alone: Whether this is the only migrator, from now on until the connection ends.
select pg_try_advisory_lock(%s);

-- lock_timeout: How long statements of this connection wait for a lock, each.
select set_config('lock_timeout', %s, false);

-- drop_index: Drop an index while others go on.
drop index concurrently {};

-- flatten_events: The log's transaction ids lie before all of this cluster.
update event set xid = '3';

-- flatten_cursors: The same for what readers have read.
update event_cursor set xid = '3';

-- search_path: Where names are looked for, from now on.
select set_config('search_path', %s, false);

-- local_search_path: The same until the transaction ends.
select set_config('search_path', %s, true);

-- schema: Where a set of functions lies.
create schema if not exists {};

-- drop_schema: A set of functions that nobody needs.
drop schema if exists {} cascade;

-- retired: It is no longer there, and hubs that need it may not run.
with gone as (delete from function_set where number = %(number)s)
update compatibility set oldest_set = %(number)s + 1;

-- sets: The sets of functions that are there.
select number, release, digest from function_set;

-- laid: Note that a set of functions is there.
insert into function_set (number, release, digest) values (%(number)s, %(release)s, %(digest)s)
on conflict (number) do update set release = excluded.release, digest = excluded.digest, laid_at = now();

-- attached: Which set's triggers hang on the tables, and which set is the oldest that is kept.
select attached, attached_digest, oldest_set from compatibility;

-- attach: Note that a set's triggers hang on the tables.
update compatibility set attached = %(number)s, attached_digest = %(digest)s;
