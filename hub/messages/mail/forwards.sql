-- ours: Whether the forwarder is an agent or a mailbox of ours, and the first sender is neither.
select (exists (select from agent a where a.email = %(forwarder)s and a.disabled_at is null)
        or exists (select from account t where lower(t.address) = %(forwarder)s))
   and not exists (select from agent a where a.email = %(sender)s)
   and not exists (select from account t where lower(t.address) = %(sender)s);
