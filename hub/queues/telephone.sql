-- on_line: The call going on in a conversation whose customer waits for an agent or talks to one.
select id from call
where conversation_id = %(conversation_id)s and state in ('queued', 'connecting', 'talking') order by id desc limit 1;

-- follow: A call is where its conversation's entry is.
update call set queue_id = %(queue_id)s, entry_id = %(entry_id)s
where id = (select id from call where conversation_id = %(conversation_id)s and state in ('queued', 'connecting', 'talking')
            order by id desc limit 1);

-- customer_on_line: The state of the call whose customer waits or talks; of one that we place, once it is on the way.
select state from call
where conversation_id = %(conversation_id)s and (state in ('connecting', 'talking') or state = 'queued' and direction = 'in') order by id desc limit 1;

-- rings_at: Whether something rings at an agent, and whether they are named.
select a.name, exists (select from agent_device d where d.agent_id = a.id and (d.kind = 'phone' or d.ready_until > clock_timestamp())) as rings
from agent a where a.id = %(agent_id)s;

-- rings_in: Whether something rings at anybody who works in a queue.
select q.name, exists (
    select from queue_staff p join agent_device d on d.agent_id = p.agent_id
    where p.queue_id = q.id and (d.kind = 'phone' or d.ready_until > clock_timestamp())) as rings
from queue q where q.id = %(queue_id)s;

-- as_missed: Work on a call that is over is work on a missed call, wherever it lies: nothing rings for it.
update queue_entry e set channel = 'missed_call', weight = coalesce((select p.weight from channel_policy p where p.channel = 'missed_call'), e.weight)
where e.id = %(entry_id)s and e.channel = 'voice' and e.state = 'assigned';
