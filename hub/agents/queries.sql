-- presence: One agent's state.
select state, reason, since from agent_state where agent_id = %(agent_id)s;

-- ensure_state: Give an agent a presence row, offline.
insert into agent_state (agent_id) values (%(agent_id)s) on conflict do nothing;

-- lock_state: One agent's state, held until the transaction ends.
select state, reason, since from agent_state where agent_id = %(agent_id)s for no key update;

-- lock_offered: The entries offered to an agent; fails at once if somebody else holds one of them.
select id from queue_entry where agent_id = %(agent_id)s and state = 'offered' order by id for no key update nowait;

-- take_back: Return entries offered to an agent to their queues, their places kept, and end the offers.
with entry as (
    update queue_entry set state = 'waiting', agent_id = null, offer_id = null
    where id = any(%(entry_ids)s) and state = 'offered' and agent_id = %(agent_id)s
    returning id, conversation_id, queue_id
)
update offer set state = 'rescinded', ended_at = clock_timestamp(), reason = %(reason)s
from entry
where offer.entry_id = entry.id and offer.state = 'offered'
returning offer.id as offer_id, entry.id as entry_id, entry.conversation_id, entry.queue_id;

-- lapsed: An agent at work whose last screen closed a while ago, held until it is settled.
select state, reason, since from agent_state
where agent_id = %(agent_id)s and state <> 'offline' and connected_until < clock_timestamp()
for no key update;

-- sits_there: Whether an agent has a screen open though they are offline, held until it is settled.
select state, reason, since from agent_state
where agent_id = %(agent_id)s and state = 'offline' and connected_until > clock_timestamp()
for no key update;

-- returned: What somebody's presence was when their connection was lost, held until it is settled; `soon`: moments ago.
select state_before, reason_before, since > clock_timestamp() - make_interval(secs => %(within)s) as soon from agent_state
where agent_id = %(agent_id)s and state = 'offline' and reason = 'disconnected'
for no key update;

-- set_state: Change an agent's state; `since` moves only when the state or its reason does.
update agent_state
set since = case when state = %(state)s and reason is not distinct from %(reason)s then since else clock_timestamp() end,
    idle_since = case when state <> 'available' and %(state)s = 'available' then clock_timestamp() else idle_since end,
    missed = case when %(state)s = 'available' then 0 else missed end,
    state = %(state)s,
    reason = %(reason)s,
    state_before = case when %(lost)s then state end,
    reason_before = case when %(lost)s then reason end,
    -- whoever says so is here, even if their screen is still connecting
    connected_until = case when %(state)s <> 'offline' and connected_until is not null
        then greatest(connected_until, clock_timestamp() + make_interval(secs => %(grace)s)) else connected_until end
where agent_id = %(agent_id)s
returning state, reason, since;

-- load: What agents hold, per channel they may work on.
select a.id as agent_id, a.capacity, p.channel, coalesce(c.max_per_agent, p.max_per_agent) as max,
       count(e.id)::int as count, coalesce(sum(e.weight), 0)::int as used, p.yields_to
from agent a
cross join channel_policy p
left join agent_channel c on c.agent_id = a.id and c.channel = p.channel
left join queue_entry e
       on e.agent_id = a.id and e.channel = p.channel
      and (e.state in ('offered', 'wrapping') or (e.state = 'assigned' and not e.resting))
where a.id = any(%(agent_ids)s)
group by a.id, p.channel, c.max_per_agent, p.yields_to
order by a.id, p.channel;

-- colleagues: Everybody who can be given work, by name.
select a.id, a.name, a.role, coalesce(s.state, 'offline') as state,
       coalesce((select array_agg(q.queue_id order by q.queue_id) from agent_queue q where q.agent_id = a.id), '{}') as queues
from agent a
left join agent_state s on s.agent_id = a.id
where a.disabled_at is null
order by a.name, a.id;

-- all_queues: Every queue in use, by name, with how many serve it and how many of them are there.
select q.id, q.name, count(p.agent_id)::int as people, count(*) filter (where p.state in ('available', 'busy'))::int as present
from queue q left join queue_staff p on p.queue_id = q.id
where q.archived_at is null group by q.id order by q.name, q.id;

-- queues_of: The queues an agent works in, by name.
select q.id, q.name
from agent_queue m join queue q on q.id = m.queue_id
where m.agent_id = %(agent_id)s and q.archived_at is null
order by q.name, q.id;

-- skills_of: What an agent can do, and how well.
select k.key, s.level from agent_skill s join skill k on k.id = s.skill_id where s.agent_id = %(agent_id)s order by k.key;
