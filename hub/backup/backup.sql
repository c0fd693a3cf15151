-- snapshot: What the counts below and pg_dump both see.
select pg_export_snapshot();

-- files: Files outside the database that rows name or may name again.
select encode(sha256, 'hex'), id, size, place from stored_file where state = 'kept' order by id;

-- tables: The hub's tables.
select c.relname from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') order by c.relname;

-- newest: The newest migration, and the age a hub must have.
select (select max(name) from migration where name ~ '^[0-9]'), (select oldest from compatibility);

-- others: Who else is connected to this database.
select pid, application_name, coalesce(host(client_addr), 'here') from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend' order by pid;

-- end_others: End their connections.
select count(pg_terminate_backend(pid)) from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend';

-- occupied: Whether something is here already.
select exists (select from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'S'));

-- clear: Everything of the hub's goes; what belongs to an extension stays.
do $$
declare command text;
begin
    -- Each list is made before anything of it is dropped: names of what is gone are numbers.
    foreach command in array array( -- each release's set of functions
        select format('drop schema %I cascade', n.nspname) from pg_namespace n where n.nspname ~ '^hub_v[0-9]+$')
    loop execute command; end loop;
    foreach command in array array(
        select format('drop %s if exists public.%I cascade',
            case c.relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence' else 'table' end, c.relname)
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
          and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('e', 'i', 'a')))
    loop execute command; end loop;
    foreach command in array array(
        select format('drop routine if exists %s cascade', p.oid::regprocedure) from pg_proc p
        where p.pronamespace = 'public'::regnamespace
          and not exists (select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'))
    loop execute command; end loop;
    foreach command in array array(
        select format('drop type if exists public.%I cascade', t.typname) from pg_type t
        where t.typnamespace = 'public'::regnamespace
          and (t.typtype in ('e', 'd') or (t.typtype = 'c' and exists (select from pg_class c where c.oid = t.typrelid and c.relkind = 'c')))
          and not exists (select from pg_depend d where d.classid = 'pg_type'::regclass and d.objid = t.oid and d.deptype = 'e'))
    loop execute command; end loop;
end $$;

-- settle: What must not be believed of a backup any more: transaction ids of another cluster, who did what, who is signed in.
update event set xid = '3' where exists (select from event e where e.xid > pg_current_xact_id());
update event_cursor set xid = '3' where exists (select from event_cursor c where c.xid > pg_current_xact_id());
update lease set epoch = epoch + 1000, expires_at = clock_timestamp();
delete from session;

-- count: Rows of one table.
select count(*) from public.{};

-- freeze: Nothing of what waited to leave leaves until somebody thaws it.
update sending set identity = (select (select system_identifier from pg_control_system()) || '.' || d.oid || '.' || 'outbound'::regclass::oid
                               from pg_database d where d.datname = current_database()), frozen_at = clock_timestamp(), reason = {},
    doubtful_to = coalesce((select max(id) from outbound), 0);
update outbound set state = 'pending', lease_until = null where state = 'claimed';

-- wait_briefly: A lock that somebody has is not waited for without end.
set lock_timeout = '30s';

-- at_home: What follows speaks of the hub's tables.
set search_path = public;
