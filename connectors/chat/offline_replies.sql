-- note: An agent's answer, to be looked at after a while; once, however often it is tried.
insert into chat_unseen (interaction_id, address_id, at, due_at)
select i.id, i.address_id, i.at, clock_timestamp() + make_interval(secs => %(after)s)
from interaction i
where i.id = %(id)s and i.direction = 'out' and i.agent_id is not null and not i.automatic and i.address_id is not null
on conflict do nothing;

-- due: Answers whose time has come. Seen: the visitor was connected after it was written. Gone: they left, and it was noticed.
select u.interaction_id, u.address_id, i.account_id,
       chat_was_there(u.address_id, u.at) as seen,
       coalesce(v.gone, true) as gone
from chat_unseen u
join interaction i on i.id = u.interaction_id
left join chat_visitor v on v.address_id = u.address_id
where u.state = 'waiting' and u.due_at <= clock_timestamp()
order by u.due_at
limit %(limit)s;

-- seen: Nothing more is to be done about these.
delete from chat_unseen where interaction_id = any(%(ids)s);

-- later: They may have turned a page: look again.
update chat_unseen set due_at = clock_timestamp() + make_interval(secs => %(again)s) where interaction_id = any(%(ids)s);

-- put_off: Something broke; try these again after a while.
update chat_unseen set due_at = clock_timestamp() + make_interval(secs => %(again)s)
where address_id = %(address_id)s and state = 'waiting';

-- left: They will be seen when their visitor returns.
update chat_unseen set state = 'left' where interaction_id = any(%(ids)s);

-- unseen: All that a visitor who is gone has not seen, held so that it is mailed once.
select u.interaction_id, i.conversation_id, c.queue_id, i.agent_id, i.text
from chat_unseen u
join interaction i on i.id = u.interaction_id
join conversation c on c.id = i.conversation_id
join chat_visitor v on v.address_id = u.address_id
where u.address_id = %(address_id)s and u.state = 'waiting' and v.gone and u.at > coalesce(v.left_at, v.seen_at)
order by i.conversation_id, i.id
for update of u, v skip locked;

-- visitor: What a visitor said of themselves, the latest first; and what they wrote last.
select coalesce(
           (select i.meta ->> 'email' from interaction i
            where i.address_id = a.id and i.channel = 'chat' and i.kind = 'message' and i.direction = 'in' and i.meta ? 'email'
            order by i.id desc limit 1),
           (select m.value from contact k join address m on m.contact_id = k.id
            where k.root_id = c.root_id and m.kind = 'email' and m.verified_at is not null order by m.id desc limit 1)) as email,
       c.name, c.locale,
       coalesce((select i.text from interaction i
            where i.address_id = a.id and i.channel = 'chat' and i.kind = 'message' and i.direction = 'in'
            order by i.id desc limit 1), '') as last
from address a join contact c on c.id = a.contact_id
where a.id = %(address_id)s;

-- waits: Whether anything waits for a visitor's return.
select exists (select from chat_unseen where address_id = %(address_id)s and state = 'left');

-- returned: What waited for a visitor's return waits no more.
delete from chat_unseen where address_id = %(address_id)s and state = 'left' returning interaction_id;
