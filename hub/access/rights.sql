-- conversations: Which of these conversations the viewer may see: of their queues, on their desk, or offered to them.
select v.id from conversation v
where v.id = any(%(ids)s) and (%(sees_all)s or v.agent_id = %(viewer)s
    or v.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s)
    or exists (select from queue_entry e where e.conversation_id = v.id and e.state = 'offered' and e.agent_id = %(viewer)s));

-- contact: Whether the viewer may change a contact's record: somebody whose conversation they may see, or who has none yet.
select c.id from contact c
where c.id = %(id)s and (%(sees_all)s
    or exists (
        select from contact k join conversation v on v.contact_id = k.id
        where k.root_id = c.root_id and (v.agent_id = %(viewer)s
            or v.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s)
            or exists (select from queue_entry e where e.conversation_id = v.id and e.state = 'offered' and e.agent_id = %(viewer)s)))
    or not exists (select from contact k join conversation v on v.contact_id = k.id where k.root_id = c.root_id));

-- contact_exists: Whether there is such a contact at all: every agent may read records.
select id from contact where id = %(id)s;

-- accounts: The accounts of ours that the viewer may send from, and whose troubles are theirs: of their queues, or of nobody's.
select a.id from account a
where %(sees_all)s or a.queue_id is null or a.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s);

-- told: For each of these screens, whether its session or token counts now, and whether it may be told of a conversation or queue.
-- A null session and token are a screen without either, which no sign-in makes.
select w.n::int as n,
       a.id is not null and case
           when w.session_id is not null then exists (
               select from session s where s.id = w.session_id and s.agent_id = a.id and s.expires_at > now())
           when w.token_id is not null then exists (
               select from api_token t where t.id = w.token_id and t.agent_id = a.id and (t.expires_at is null or t.expires_at > now()))
           else false end as alive,
       a.id is not null and case
           when w.conversation_id is not null then exists (
               select from conversation v where v.id = w.conversation_id and (a.role = 'admin' or v.agent_id = a.id
                   or exists (select from agent_queue q where q.agent_id = a.id and q.queue_id = v.queue_id)
                   or exists (select from queue_entry e where e.conversation_id = v.id and e.state = 'offered' and e.agent_id = a.id)))
           when w.queue_id is not null then a.role = 'admin'
               or exists (select from agent_queue q where q.agent_id = a.id and q.queue_id = w.queue_id)
           else true end as may
from unnest(%(agents)s::bigint[], %(sessions)s::bytea[], %(tokens)s::bigint[], %(conversations)s::bigint[], %(queues)s::bigint[])
    with ordinality as w (agent_id, session_id, token_id, conversation_id, queue_id, n)
left join agent a on a.id = w.agent_id and a.disabled_at is null;
