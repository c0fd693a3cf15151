-- summary: One conversation, with what only its own page shows.
select * from conversation_summary where id = %(id)s;

-- page: Interactions before a sequence, the latest first.
select * from interaction_shown
where conversation_id = %(id)s and (%(before_seq)s::bigint is null or seq < %(before_seq)s)
  and status <> 'cancelled' -- taken back before it left: never said
order by seq desc limit %(limit)s;

-- owes_nothing: Whether a conversation is open though nobody has it, nobody waits in it and nothing is promised or going on.
select exists (select from conversation v where v.id = %(id)s and v.status = 'open' and v.agent_id is null and v.waiting_since is null
    and not exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed')
    and not exists (select from call c where c.conversation_id = v.id and c.state <> 'ended')
    and not exists (select from callback b where b.conversation_id = v.id and b.state in ('scheduled', 'waiting')));

-- dispositions: The outcome codes, in their order.
select key, name from disposition order by position, key;

-- known_disposition: Whether there is such a code (any is, while none are configured).
select exists (select from disposition where key = %(key)s) or not exists (select from disposition);

-- templates: Canned replies.
select t.id, t.key, t.name, t.channel, a.id as account_id, t.locale, t.subject, t.body
from template t left join account a on a.key = t.account
where (%(channel)s::text is null or t.channel is null or t.channel = %(channel)s) and (t.account is null or a.id is not null)
order by t.name, t.locale;

-- template: One.
select id, key, name, channel, locale, subject, body from template where id = %(id)s;

-- account_for: The account an agent writes first from, and whether they may.
select t.id, t.queue_id, t.queue_id is null
    or exists (select from sight(%(agent_id)s, 'conversation.reply') s where s.sees_all or t.queue_id = any(s.queues)) as usable
from account t
where t.enabled and t.channel = %(channel)s and (%(account_id)s::bigint is null or t.id = %(account_id)s)
order by usable desc, t.id limit 1;

-- attachment: A file, and the conversation it belongs to.
select f.name, f.content_type, f.body, f.file_id, i.conversation_id, f.uploaded_by
from attachment f left join interaction i on i.id = f.interaction_id where f.id = %(id)s;

-- upload: A file before its message.
insert into attachment (uploaded_by, name, content_type, body, file_id, size)
values (%(agent_id)s, %(name)s, %(content_type)s, %(body)s, %(file_id)s, %(size)s) returning id;

-- variables: What a template may say.
select v.id as conversation_id, v.subject, coalesce(nullif(r.name, ''), c.name) as contact_name, q.name as queue_name
from conversation v join contact c on c.id = v.contact_id join contact r on r.id = c.root_id left join queue q on q.id = v.queue_id
where v.id = %(id)s;
