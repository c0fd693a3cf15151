-- mail_account: A mailbox that mail leaves by: the named one, else one of the queue, of no queue, or the only one there is.
select a.id, a.name, coalesce(nullif(a.settings ->> 'from_name', ''), a.name) as from_name, a.connector, a.address, a.signature
from account a
where a.enabled and a.channel = 'email' and a.address is not null
  and case when %(key)s::text is not null then a.key = %(key)s
      else a.queue_id is null or a.queue_id = %(queue_id)s
          or not exists (select from account o where o.enabled and o.channel = 'email' and o.address is not null and o.id <> a.id) end
order by a.queue_id is not distinct from %(queue_id)s desc, a.queue_id is null desc, a.id
limit 1;

-- copy_files: The messages' files go with the mail, unless they are too large for one.
insert into attachment (interaction_id, name, content_type, body, file_id, size)
select %(mail)s, f.name, f.content_type, f.body, f.file_id, f.size
from attachment f
where f.interaction_id = any(%(interaction_ids)s)
  and (select sum(coalesce(g.size, octet_length(g.body))) from attachment g where g.interaction_id = any(%(interaction_ids)s)) <= %(most)s
order by f.id;

-- keep_thread: What comes from this address next belongs here.
insert into thread (account_id, address_id, conversation_id) values (%(account_id)s, %(address_id)s, %(conversation_id)s)
on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id;

-- mark: Whether the reader of a message was there, and the mail that it went by.
update interaction
set meta = meta || jsonb_build_object('unseen', jsonb_build_object('state', %(state)s::text, 'to', %(to)s::text))
                || case when %(mail)s::bigint is null then '{}' else jsonb_build_object('mailed_in', %(mail)s::bigint) end
where id = %(id)s
returning conversation_id;
