-- Where a reader of the log has to stop: every event below this transaction id is committed and visible to `seen`, or
-- never will be. `seen` must be the snapshot of the statement that reads (pass `pg_current_snapshot()`).
--
-- Below the oldest transaction that runs anywhere in the cluster that is plain, but a cluster may have other databases,
-- where somebody leaves a transaction open for hours. Those cannot write here. So of what `seen` saw running only that
-- is left out of account which is known to belong to another database: a backend connected there, or a transaction
-- prepared there, has this very id. That is a fact that does not change, so that it does not matter that it is looked
-- up a moment later; whatever has ended meanwhile, or cannot be seen, counts as ours until the next look.
-- Our own transaction may still write with its id, and `seen` does not list it.
create function log_horizon(seen pg_snapshot) returns xid8
language plpgsql stable
as $$
declare
    ours   oid  := (select oid from pg_database where datname = current_database());
    most   xid8 := least(pg_current_xact_id_if_assigned(), pg_snapshot_xmax(seen));
    oldest xid8;
begin
    if not exists (select from pg_snapshot_xip(seen)) then
        return most;
    end if;
    if not has_table_privilege('pg_catalog.pg_stat_activity', 'select') then
        return pg_snapshot_xmin(seen);
    end if;
    perform pg_stat_clear_snapshot(); -- what this transaction read of the backends before is older than `seen`
    select min(ran.xid) into oldest
    from pg_snapshot_xip(seen) as ran (xid)
    where not exists (select from pg_stat_activity a where a.backend_xid = ran.xid::xid and a.datid <> ours)
      and not exists (select from pg_prepared_xacts p where p.transaction = ran.xid::xid and p.database <> current_database());
    return least(oldest, most);
end $$;
