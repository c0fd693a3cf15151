-- mailbox: How far a folder has been read.
select uidvalidity, uid, since from mailbox where account_id = %(account_id)s and folder = %(folder)s;

-- advance: Note how far a folder has been read; never backwards under the same UIDVALIDITY.
insert into mailbox as m (account_id, folder, uidvalidity, uid, since)
values (%(account_id)s, %(folder)s, %(uidvalidity)s, %(uid)s, %(since)s)
on conflict (account_id, folder) do update
set uidvalidity = excluded.uidvalidity,
    uid = case when m.uidvalidity = excluded.uidvalidity then greatest(m.uid, excluded.uid) else excluded.uid end;
