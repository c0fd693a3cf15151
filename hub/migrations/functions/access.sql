-- Who may see what, said once: lists, counts, search, the timeline, the feed, sockets, attachments and sends all ask here.

-- may_see: Whether a conversation (its id, agent and queue) is in sight of an agent: everything, their own desk, one of
-- their queues, or one that is offered to them. An expression without a look at any table: the planner puts it into the
-- statement that asks, where it finds indexes.
create or replace function may_see(
    conversation bigint, agent bigint, queue bigint, viewer bigint, sees_all boolean, queues bigint[], offered bigint[]
) returns boolean language sql immutable parallel safe as $$
    select sees_all or agent = viewer or queue = any(queues) or conversation = any(offered)
$$;

-- may_see_queue: The same of all that lies in a queue, for lists that walk one queue after the other.
create or replace function may_see_queue(queue bigint, sees_all boolean, queues bigint[])
returns boolean language sql immutable parallel safe as $$
    select sees_all or queue = any(queues)
$$;

-- sight: How far a permission of an agent reaches now; nothing for who is disabled or has it not.
create or replace function sight(
    agent bigint, permission text, out sees_all boolean, out queues bigint[], out offered bigint[]
) language sql stable as $$
    select p.scope = 'all',
           case when p.scope = 'queue' then array(select q.queue_id from agent_queue q where q.agent_id = a.id) else '{}' end,
           case when p.scope is null then '{}' else
               array(select e.conversation_id from queue_entry e where e.agent_id = a.id and e.state = 'offered') end
    from agent a left join role_permission p on p.role_key = a.role and p.permission = sight.permission
    where a.id = sight.agent and a.disabled_at is null
$$;

-- standing: All that decides about an agent's rights: permissions with their scopes, queues, and what is offered to them.
create or replace function standing(
    agent bigint, role text, out grants jsonb, out queues bigint[], out offered bigint[]
) language sql stable as $$
    select coalesce((select jsonb_object_agg(p.permission, p.scope) from role_permission p where p.role_key = standing.role), '{}'),
           array(select q.queue_id from agent_queue q where q.agent_id = standing.agent),
           array(select e.conversation_id from queue_entry e where e.agent_id = standing.agent and e.state = 'offered')
$$;

-- may_answer: Whether somebody works here whose role lets them answer customers: work lies with nobody else.
create or replace function may_answer(agent bigint) returns boolean language sql stable as $$
    select exists (
        select from agent a join role_permission p on p.role_key = a.role and p.permission in ('conversation.handle', 'conversation.reply')
        where a.id = may_answer.agent and a.disabled_at is null)
$$;
