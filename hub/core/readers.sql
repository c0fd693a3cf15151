-- readers: How far each reader of the log is behind: seconds since the oldest event that it has not read.
select c.reader as name, coalesce(extract(epoch from clock_timestamp() - e.at), 0)::float8 as seconds
from event_cursor c
left join lateral (select x.at from event x where (x.xid, x.id) > (c.xid, c.id) order by x.xid, x.id limit 1) e on true
order by c.reader;

-- writers: Transactions of this database that have written, or may, and are not over: those open for so many seconds, and
-- those that keep a reader from its next event. Who asks without the rights of a monitor sees no ages of others'.
with oldest as (
    select max(age(e.xid::xid)) as unread
    from event_cursor c
    cross join lateral (select x.xid, x.at from event x where (x.xid, x.id) > (c.xid, c.id) order by x.xid, x.id limit 1) e
    where e.at < clock_timestamp() - make_interval(secs => %(seconds)s)
), writers as (
    select a.pid, ''::text as prepared, coalesce(a.application_name, '') as application, coalesce(a.usename, '')::text as role,
           coalesce(a.state, '') as state, extract(epoch from clock_timestamp() - a.xact_start)::float8 as seconds,
           age(a.backend_xid) as age
    from pg_stat_activity a
    where a.datname = current_database() and a.backend_xid is not null and a.pid <> pg_backend_pid()
    union all
    select null, p.gid, '', p.owner::text, 'prepared', extract(epoch from clock_timestamp() - p.prepared)::float8,
           age(p.transaction)
    from pg_prepared_xacts p
    where p.database = current_database()
)
select pid, prepared, application, role, state, coalesce(seconds, 0) as seconds,
       coalesce(age > (select unread from oldest), false) as blocks
from writers
where seconds > %(seconds)s or age > (select unread from oldest)
order by age desc
limit 20;
