-- conversations: Which of these conversations the viewer may see: of their queues, on their desk, or offered to them.
select v.id from conversation v
where v.id = any(%(ids)s) and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s);

-- contact: Whether the viewer may change a contact's record: somebody whose conversation they may see, or who has none yet.
select c.id from contact c
where c.id = %(id)s and (%(sees_all)s
    or exists (select from contact k join conversation v on v.contact_id = k.id where k.root_id = c.root_id and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s))
    or not exists (select from contact k join conversation v on v.contact_id = k.id where k.root_id = c.root_id));

-- contact_exists: Whether there is such a contact at all: every agent may read records.
select id from contact where id = %(id)s;

-- accounts: The accounts of ours that the viewer may send from, and whose troubles are theirs: of their queues, or of nobody's.
select a.id from account a
where %(sees_all)s or a.queue_id is null or a.queue_id = any(%(queues)s);

-- told: For each of these screens, whether its session or token counts now, and whether it may be told of a conversation or queue:
-- of a queue who may see its numbers (`numbers`), and that something has happened in it who sees its conversations in lists.
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
               select from sight(a.id, 'conversation.read') s, conversation v
               where v.id = w.conversation_id and may_see(v.id, v.agent_id, v.queue_id, a.id, s.sees_all, s.queues, s.offered))
           when w.queue_id is not null then exists (
               select from (values ('board.read'), ('conversation.read')) p (permission), sight(a.id, p.permission) s
               where s.sees_all or w.queue_id = any(s.queues))
           when w.board then exists (select from sight(a.id, 'board.read') s where s.sees_all is not null)
           else true end as may,
       w.queue_id is null or exists (
           select from sight(a.id, 'board.read') s where s.sees_all or w.queue_id = any(s.queues)) as numbers
from unnest(%(agents)s::bigint[], %(sessions)s::bytea[], %(tokens)s::bigint[], %(conversations)s::bigint[], %(queues)s::bigint[],
        %(boards)s::boolean[])
    with ordinality as w (agent_id, session_id, token_id, conversation_id, queue_id, board, n)
left join agent a on a.id = w.agent_id and a.disabled_at is null;
