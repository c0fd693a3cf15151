-- acquire: Take a free or expired lease, or renew our own; the epoch rises with every new holder. All by the server's
-- clock. A lease that ends later than any holder can have asked for was given before that clock was set back: it is free.
insert into lease as l (name, holder, epoch, expires_at)
values (%(name)s, %(holder)s, 1, clock_timestamp() + make_interval(secs => %(ttl)s))
on conflict (name) do update
set holder = excluded.holder,
    epoch = case when l.holder = excluded.holder and l.expires_at > clock_timestamp() then l.epoch else l.epoch + 1 end,
    expires_at = excluded.expires_at
where l.holder = excluded.holder or l.expires_at < clock_timestamp()
    or l.expires_at > clock_timestamp() + make_interval(secs => 2 * %(ttl)s)
returning epoch;

-- release: Let go, so that the next holder need not wait for the expiry.
update lease set expires_at = clock_timestamp() where name = %(name)s and holder = %(holder)s and epoch = %(epoch)s;

-- held: Whether an epoch is still the lease's own; the row stays locked against a takeover until the commit.
select 1 from lease where name = %(name)s and epoch = %(epoch)s for share;
