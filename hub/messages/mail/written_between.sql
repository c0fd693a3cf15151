-- said: What was said lately in the matters whose mails are answered, by whom, and what stands below our mails. Bounded: it is
-- compared while others wait.
select left(i.text, 10000) as text, left(i.meta ->> 'full_text', 10000) as full_text, i.subject, a.name, c.name as contact_name, t.signature, t.name as account_name
from (
    select distinct r.conversation_id from interaction r
    where r.external_id = any(%(references)s) and r.conversation_id is not null limit 3) m
cross join lateral (
    select x.text, x.meta, x.subject, x.agent_id, x.contact_id, x.account_id from interaction x
    where x.conversation_id = m.conversation_id and x.kind = 'message' order by x.seq desc limit 20) i
left join agent a on a.id = i.agent_id
left join contact c on c.id = i.contact_id
left join account t on t.id = i.account_id;
