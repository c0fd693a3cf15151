-- address: The visitor's address, once a first message made it.
select id from address where kind = 'visitor' and value = %(visitor)s;

-- follow: Number what is new for the visitor; the last number and the status.
select last_seq, status from chat_follow(%(address_id)s);

-- after: What the visitor may see after a number, oldest first.
select l.seq, l.kind, i.id, i.direction, i.agent_id, a.name as agent_name, i.text, i.at, i.external_id, i.status,
       coalesce((
           select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'type', f.content_type, 'size', coalesce(f.size, octet_length(f.body))) order by f.id)
           from attachment f where f.interaction_id = i.id), '[]') as files
from chat_log l
left join interaction i on i.id = l.interaction_id
left join agent a on a.id = i.agent_id
where l.address_id = %(address_id)s and l.seq > %(seq)s
order by l.seq
limit %(limit)s;

-- by_client_id: One message of the visitor's by the id the widget gave it.
select l.seq, l.kind, i.id, i.direction, i.agent_id, null as agent_name, i.text, i.at, i.external_id, i.status,
       coalesce((
           select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'type', f.content_type, 'size', coalesce(f.size, octet_length(f.body))) order by f.id)
           from attachment f where f.interaction_id = i.id), '[]') as files
from interaction i
join chat_log l on l.interaction_id = i.id
where i.address_id = %(address_id)s and i.channel = 'chat' and i.kind = 'message' and i.direction = 'in'
  and i.external_id = %(client_id)s;

-- arrive: A connection of the visitor's opened.
insert into chat_visitor (address_id, socket, gone) values (%(address_id)s, %(socket)s, false)
on conflict (address_id) do update set socket = excluded.socket, seen_at = now(), left_at = null, gone = false;

-- leave: The visitor's connection closed; nothing if a newer one has come.
update chat_visitor set left_at = now() where address_id = %(address_id)s and socket = %(socket)s;

-- seen: These visitors are still connected here.
update chat_visitor set seen_at = now(), gone = false where address_id = any(%(address_ids)s) and left_at is null;

-- departed: Visitors who left and did not come back within the grace, or whose server died.
select address_id from chat_visitor
where not gone and (left_at < now() - make_interval(secs => %(grace)s) or seen_at < now() - make_interval(secs => %(silence)s))
order by address_id
limit 200;

-- mark_gone: Notice one departure, once.
update chat_visitor set gone = true
where address_id = %(address_id)s and not gone
  and (left_at < now() - make_interval(secs => %(grace)s) or seen_at < now() - make_interval(secs => %(silence)s));

-- waiting: The conversation a visitor is waiting in, if any.
select e.conversation_id, e.queue_id, c.contact_id
from queue_entry e
join conversation c on c.id = e.conversation_id
where e.state in ('waiting', 'offered')
  and e.conversation_id = (chat_status(%(address_id)s) ->> 'conversation')::bigint;

-- hours: When a queue works; no row when it always does.
select h.timezone, h.week, h.holidays from queue q join hours h on h.id = q.hours_id where q.id = %(queue_id)s;

-- bind: Let this visitor stand for somebody proved, unless they have one already or it is another's.
insert into chat_identity (account_id, subject, visitor) values (%(account_id)s, %(subject)s, %(visitor)s) on conflict do nothing;

-- bound: The visitor who stands for somebody proved.
select visitor from chat_identity where account_id = %(account_id)s and subject = %(subject)s;

-- sign_out: Tokens of this browser count no more.
insert into chat_sign_out (browser, until) values (%(browser)s, now() + make_interval(days => %(days)s)) on conflict do nothing;

-- signed_out: Which of these browsers have signed out.
select browser from chat_sign_out where browser = any(%(browsers)s);

-- expire_sign_outs: Forget those whose tokens have expired by themselves.
delete from chat_sign_out where until < now();
