-- works_here: An agent who has not left, and whether their role lets them work on conversations.
select exists (select from role_permission p where p.role_key = a.role and p.permission = 'conversation.handle')
from agent a where a.id = %(agent_id)s and a.disabled_at is null;

-- takes_work: A queue that can be given work, and whether somebody serves it.
select q.name, exists (select from queue_staff p where p.queue_id = q.id) as served
from queue q where q.id = %(queue_id)s and q.archived_at is null;
