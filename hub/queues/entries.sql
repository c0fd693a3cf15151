-- live: The conversation's place in a queue, held until the transaction ends.
select e.id, e.queue_id, e.channel, e.state, e.entered_at, e.queued_at, e.priority_seconds, e.requirements, e.agent_id,
       e.offer_id, e.assigned_at, e.answered_at is not null as answered, q.service_level_seconds, q.short_abandon_seconds, q.wrap_up_seconds,
       extract(epoch from clock_timestamp() - e.queued_at)::float8 as waited
from queue_entry e join queue q on q.id = e.queue_id
where e.conversation_id = %(conversation_id)s and e.state <> 'closed'
for no key update of e;

-- insert: Put a conversation into a queue; no row when it is in one already.
insert into queue_entry (conversation_id, queue_id, channel, entered_at, queued_at, target_seconds, priority_seconds,
                         weight, requirements, sticky_agent_id, sticky_until)
select %(conversation_id)s, q.id, %(channel)s, coalesce(%(entered_at)s::timestamptz, n.at), n.at, q.target_seconds,
       coalesce(%(priority_seconds)s, q.priority_seconds), coalesce(p.weight, 100), %(requirements)s, %(sticky_agent_id)s,
       case when %(sticky_agent_id)s::bigint is not null and %(sticky_seconds)s > 0
            then n.at + make_interval(secs => %(sticky_seconds)s) end
from queue q
cross join (select clock_timestamp() as at) n
left join channel_policy p on p.channel = %(channel)s
where q.id = %(queue_id)s and q.archived_at is null
on conflict (conversation_id) where state <> 'closed' do nothing
returning id, queued_at;

-- insert_assigned: A conversation that never waited: an agent works on it from the start.
insert into queue_entry (conversation_id, queue_id, channel, state, target_seconds, weight, agent_id, assigned_at, answered_at)
select %(conversation_id)s, q.id, %(channel)s, 'assigned', q.target_seconds, coalesce(p.weight, 100), %(agent_id)s,
       n.at, n.at
from (select clock_timestamp() as at) n cross join queue q left join channel_policy p on p.channel = %(channel)s
where q.id = %(queue_id)s
returning id;

-- rescind: End the offer of an entry that is held.
update offer set state = 'rescinded', ended_at = clock_timestamp(), reason = %(reason)s
where entry_id = %(entry_id)s and state = 'offered'
returning id, agent_id;

-- assign: Give an entry that is held to an agent.
update queue_entry set state = 'assigned', agent_id = %(agent_id)s, offer_id = null, assigned_at = clock_timestamp(),
    answered_at = coalesce(answered_at, clock_timestamp())
where id = %(entry_id)s and state in ('waiting', 'offered');

-- put_back: Return an assigned entry to its queue, its place kept.
update queue_entry
set state = 'waiting', agent_id = null, offer_id = null, assigned_at = null, wrap_up_until = null,
    sticky_agent_id = null, sticky_until = null
where id = %(entry_id)s and state = 'assigned';

-- close: End an entry's life. Who worked on it stays on it for the record.
update queue_entry
set state = 'closed', closed_at = clock_timestamp(), outcome = %(outcome)s,
    agent_id = case when state in ('assigned', 'wrapping') then agent_id end
where id = %(entry_id)s and state <> 'closed'
returning extract(epoch from clock_timestamp() - assigned_at)::float8 as seconds;

-- wrap: Leave the conversation, keep its weight until the notes are done.
update queue_entry set state = 'wrapping', resting = false, wrap_up_until = clock_timestamp() + make_interval(secs => %(seconds)s)
where id = %(entry_id)s and state = 'assigned'
returning wrap_up_until;

-- resume: The customer is there again, or it was not over: a wrap-up becomes work again, on the channel used now.
update queue_entry e set state = 'assigned', wrap_up_until = null, channel = c.channel, weight = coalesce(p.weight, e.weight)
from conversation v
cross join lateral (select case when v.channel <> 'voice' or exists (
    select from call k where k.conversation_id = v.id and k.state in ('queued', 'connecting', 'talking')) then v.channel else 'missed_call' end as channel) c
left join channel_policy p on p.channel = c.channel
where e.id = %(entry_id)s and e.state = 'wrapping' and v.id = e.conversation_id
returning e.id;

-- desk_of: The agent on whose desk a conversation is, if they work here.
select g.id from conversation v join agent g on g.id = v.agent_id
where v.id = %(conversation_id)s and g.disabled_at is null;

-- fallback_queue: Where a conversation can wait: in its own queue, its account's, or the center's first that takes work; one
-- that somebody serves before all that nobody does.
select q.id
from conversation v left join account a on a.id = v.account_id join queue q on q.archived_at is null
where v.id = %(conversation_id)s
order by not exists (select from queue_staff p where p.queue_id = q.id), q.id is distinct from v.queue_id,
         q.id is distinct from a.queue_id, q.id
limit 1;

-- idle: The agent's work ended now: they go to the back of the line.
update agent_state set idle_since = clock_timestamp() where agent_id = %(agent_id)s;

-- queue_for_agent: The queue in which an agent takes a conversation: its own if they work there, else their first.
select m.queue_id from agent_queue m join queue q on q.id = m.queue_id
where m.agent_id = %(agent_id)s and q.archived_at is null
order by m.queue_id <> coalesce(%(queue_id)s, 0), m.queue_id
limit 1;

-- due_wrap_ups: Wrap-ups whose time is over.
select conversation_id from queue_entry where state = 'wrapping' and wrap_up_until <= clock_timestamp()
order by wrap_up_until limit %(limit)s;

-- has_left: Whether an agent is offline and talks with nobody.
select s.state = 'offline' and not exists (
    select from call c join queue_entry e on e.id = c.entry_id
    where e.agent_id = s.agent_id and e.state = 'assigned' and c.state in ('connecting', 'talking'))
from agent_state s where s.agent_id = %(agent_id)s;

-- stranded: Customers waiting at the other end of somebody who has been away from the desk for a while. Whoever takes or answers
-- though they are offline is there: the while begins with the last that they did here.
select e.conversation_id
from queue_entry e
join agent_state s on s.agent_id = e.agent_id
cross join lateral (select greatest(s.since, e.assigned_at, (
    select max(i.at) from interaction i
    where i.conversation_id = e.conversation_id and i.agent_id = e.agent_id and i.direction = 'out' and not i.automatic)) as at offset 0) seen
where e.state = 'assigned' and s.state = 'offline'
  -- a chat that was answered and whose visitor has left asks for nobody until they write again
  and case when e.channel = 'voice' or (e.channel = 'chat' and not chat_is_over(e.conversation_id)) then seen.at < clock_timestamp() - make_interval(secs => %(grace_seconds)s)
      else seen.at < clock_timestamp() - make_interval(secs => %(owed_seconds)s)
          and exists (select from conversation v where v.id = e.conversation_id and v.status = 'open' and v.waiting_since is not null offset 0)
      end
  -- who talks on the telephone is there, whatever their screen does
  and not exists (select from call c where c.entry_id = e.id and c.state in ('connecting', 'talking'))
limit %(limit)s;

-- lock_agents: Agents' rows, held in order of id.
select 1 from agent_state where agent_id = any(%(agent_ids)s) order by agent_id for no key update;

-- with_agent: Customers at whose other end an agent is: they wait for an answer, chat, or talk. Who was answered and is gone is
-- not among them.
select e.conversation_id, e.channel, e.queue_id, v.waiting_since is not null as waits,
       exists (select from call k where k.entry_id = e.id and k.state in ('connecting', 'talking')) as talks,
       contact_label(c.root_id, coalesce(nullif(r.name, ''), c.name)) as name
from queue_entry e
join conversation v on v.id = e.conversation_id
join contact c on c.id = v.contact_id
join contact r on r.id = c.root_id
where e.agent_id = %(agent_id)s and e.state = 'assigned'
  and (v.waiting_since is not null or (e.channel = 'chat' and not chat_is_over(v.id))
       or exists (select from call k where k.entry_id = e.id and k.state in ('connecting', 'talking')))
order by e.conversation_id;
