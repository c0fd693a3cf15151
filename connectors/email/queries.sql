-- mailbox: How far a folder has been read.
select uidvalidity, uid, since, first_total, first_done from mailbox where account_id = %(account_id)s and folder = %(folder)s;

-- advance: Note how far a folder has been read; never backwards under the same UIDVALIDITY.
insert into mailbox as m (account_id, folder, uidvalidity, uid, since, first_total, first_done)
values (%(account_id)s, %(folder)s, %(uidvalidity)s, %(uid)s, %(since)s, %(first_total)s, %(first_done)s)
on conflict (account_id, folder) do update
set uidvalidity = excluded.uidvalidity, first_total = excluded.first_total, first_done = excluded.first_done,
    uid = case when m.uidvalidity = excluded.uidvalidity then greatest(m.uid, excluded.uid) else excluded.uid end;

-- known_keys: Which messages are stored already.
select dedup_key from raw where connector = 'email' and account_id = %(account_id)s and dedup_key = any(%(keys)s);

-- note_messages: Which messages of a folder are stored, and under which key.
insert into mailbox_message (account_id, folder, uidvalidity, uid, dedup_key)
select %(account_id)s, %(folder)s, %(uidvalidity)s, n.uid, n.key from unnest(%(uids)s::bigint[], %(keys)s::text[]) as n (uid, key)
on conflict (account_id, folder, uidvalidity, uid) do update set dedup_key = excluded.dedup_key;

-- stored_messages: The messages of a folder that are stored: noted, and their bytes are there.
select m.uid from mailbox_message m
where m.account_id = %(account_id)s and m.folder = %(folder)s and m.uidvalidity = %(uidvalidity)s
  and exists (select from raw r where r.connector = 'email' and r.account_id = m.account_id and r.dedup_key = m.dedup_key);
