-- latest: The customer's latest mail: whom it went to.
select i.address_id, a.value as address, i.verified, i.meta -> 'to' as to, i.meta -> 'cc' as cc, i.meta ->> 'reply_to' as reply_to
from interaction i join address a on a.id = i.address_id
where i.conversation_id = %(id)s and i.direction = 'in' and i.channel = 'email' and not i.automatic
order by i.id desc limit 1;

-- signatures: What each mail account puts below an answer.
select t.id as account_id, t.signature, g.name as agent_name, g.email as agent_email, q.name as queue_name, v.id as conversation_id
from conversation v
cross join account t
left join queue q on q.id = v.queue_id
left join agent g on g.id = %(agent_id)s
where v.id = %(id)s and t.enabled and t.channel = 'email' and t.signature <> '';

-- scheduled: Answers that wait for their time, the next one first.
select i.id as interaction_id, o.due_at, left(i.text, 200) as text, i.channel
from outbound o join interaction i on i.id = o.interaction_id
where o.conversation_id = %(id)s and o.state = 'pending' and o.attempt = 0 and o.due_at > now() and not i.automatic
order by o.due_at;
