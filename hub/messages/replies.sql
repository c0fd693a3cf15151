-- reply_channels: Every way to answer: the customer's addresses (linked records too) by an account that can reach them.
with person as (
    select a.id as address_id, a.kind, a.value, a.opted_out_at, a.verified_at, coalesce(a.reported, a.number) as number
    from conversation v
    join contact c on c.id = v.contact_id
    join contact k on k.root_id = c.root_id
    join address a on a.contact_id = k.id
    where v.id = %(conversation_id)s
), last_used as (
    select i.address_id, i.account_id, max(i.id) as id
    from interaction i where i.conversation_id = %(conversation_id)s and i.address_id is not null and i.account_id is not null
    group by 1, 2
)
select t.channel, p.address_id, p.value as address, t.id as account_id, t.name as account, t.connector, t.address as account_address,
       %(sender)s::bigint is null or t.queue_id is null or u.id is not null or t.id = v.account_id
           or exists (select from sight(%(sender)s, 'conversation.reply') s where s.sees_all or t.queue_id = any(s.queues)) as usable,
       t.settings -> 'limits' as limits,
       p.opted_out_at is not null and (p.kind <> 'email' or %(bulk)s) as opted_out, t.signature,
       case when p.kind in ('phone', 'whatsapp') then p.number end as number,
       case when t.channel = 'whatsapp' then (select max(i.at) from interaction i where i.address_id = p.address_id
           and i.account_id = t.id and i.direction = 'in' and i.channel = 'whatsapp') end as last_inbound_at
from person p
join account t on t.enabled and t.channel = case p.kind when 'email' then 'email' when 'phone' then 'sms'
    when 'whatsapp' then 'whatsapp' when 'visitor' then 'chat' end
left join last_used u on u.address_id = p.address_id and u.account_id = t.id
left join conversation v on v.id = %(conversation_id)s
where (p.kind <> 'visitor' or u.id is not null)
  and (p.kind <> 'phone' or p.value ~ '^[+]?[0-9]+$')  -- a sender with a name (`LUMENBANK`) or a SIP address takes no texts
order by u.id desc nulls last, (t.id = v.account_id) desc, (t.queue_id = v.queue_id) desc nulls last, p.verified_at is null, p.address_id, t.id;

-- insert_outbound: What is to leave.
insert into outbound (interaction_id, conversation_id, account_id, connector, payload, due_at, begun_at)
values (%(interaction_id)s, %(conversation_id)s, %(account_id)s, %(connector)s, %(payload)s, %(due_at)s, %(due_at)s);

-- say_files: Let the files of a message without words stand for it; see migrations/functions/views.sql.
select say_files(%(interaction_id)s);

-- keep_thread: The customer's next message from this address belongs here.
insert into thread (account_id, address_id, conversation_id) values (%(account_id)s, %(address_id)s, %(conversation_id)s)
on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id;

-- mail_thread: The message ids of the mails so far, the newest first.
select external_id, direction from interaction
where conversation_id = %(conversation_id)s and channel = 'email' and external_id is not null and status <> 'cancelled'
order by id desc limit 20;

-- claim_uploads: Files the writer uploaded become part of the message.
update attachment a set interaction_id = %(interaction_id)s, inline = p.id is not null, content_id = p.content_id
from unnest(%(ids)s::bigint[]) as w (id)
left join unnest(%(pictures)s::bigint[], %(content_ids)s::text[]) as p (id, content_id) on p.id = w.id
where a.id = w.id and a.interaction_id is null and a.uploaded_by = %(agent_id)s
returning coalesce(a.size, length(a.body)) as size;

-- customer: Whom we answer.
select c.id, coalesce(nullif(r.name, ''), c.name) as name from contact c join contact r on r.id = c.root_id where c.id = %(id)s;

-- own_addresses: Our own mail addresses, other names of them included.
select a.address from account a where a.channel = 'email' and a.address is not null
union
select n.value from account a, jsonb_array_elements_text(coalesce(a.settings -> 'aliases', '[]')) as n (value) where a.channel = 'email';

-- signer: What a signature may say.
select g.name as agent_name, g.email as agent_email, q.name as queue_name, v.id::text as conversation_id
from conversation v left join queue q on q.id = v.queue_id left join agent g on g.id = %(agent_id)s
where v.id = %(conversation_id)s;

-- answer_to: Where the customer asked to be answered, in the latest mail whose word counts. Any other may be somebody else's.
select i.meta ->> 'reply_to' as reply_to, i.meta -> 'reply_to_more' as more from interaction i
where i.conversation_id = %(conversation_id)s and i.address_id = %(address_id)s and i.direction = 'in' and not i.automatic
  and reply_to_counts(i)
order by i.id desc limit 1;

-- take_reply_to: One of us lets answers go where a mail asks for them.
update interaction set meta = meta || jsonb_build_object('reply_to_taken', %(agent_id)s::bigint)
where id = %(id)s and direction = 'in' and meta ? 'reply_to' and not meta ? 'reply_to_taken'
returning conversation_id, meta ->> 'reply_to' as reply_to;

-- latest_subject: What the customer calls the matter now: the subject of their latest mail.
select i.subject from interaction i
where i.conversation_id = %(conversation_id)s and i.direction = 'in' and i.channel = 'email' and not i.automatic and i.subject <> ''
order by i.id desc limit 1;
