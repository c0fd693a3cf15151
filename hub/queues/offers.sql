-- find: Where an offer belongs.
select o.id, o.entry_id, o.agent_id, e.conversation_id
from offer o join queue_entry e on e.id = o.entry_id
where o.id = %(offer_id)s;

-- accept: The entry is the agent's if the offer still stands; no row when it is gone.
with entry as (
    update queue_entry set state = 'assigned', assigned_at = clock_timestamp(), sticky_agent_id = null, sticky_until = null,
        answered_at = coalesce(answered_at, clock_timestamp())
    where id = %(entry_id)s and offer_id = %(offer_id)s and state = 'offered' and agent_id = %(agent_id)s
    returning id
)
update offer set state = 'accepted', ended_at = clock_timestamp() from entry
where offer.id = %(offer_id)s and offer.state = 'offered'
returning offer.id;

-- forget_missed: The agent answers: misses in a row begin anew.
update agent_state set missed = 0 where agent_id = %(agent_id)s and missed > 0;

-- put_back: End an offer unanswered: its entry waits again in its old place, for a while not for this agent.
with entry as (
    update queue_entry e
    set state = 'waiting', agent_id = null, offer_id = null,
        sticky_agent_id = nullif(e.sticky_agent_id, e.agent_id),
        excluded = e.excluded || jsonb_build_object(
            e.agent_id::text, clock_timestamp() + make_interval(secs => %(exclude_seconds)s))
    from offer o
    where o.id = %(offer_id)s and e.id = o.entry_id and e.offer_id = o.id and e.state = 'offered' and o.state = 'offered'
      and (%(agent_id)s::bigint is null or o.agent_id = %(agent_id)s)
      and (not %(only_expired)s or o.expires_at <= clock_timestamp())
    returning e.id, e.conversation_id, e.queue_id
)
update offer set state = %(state)s, ended_at = clock_timestamp(), reason = %(reason)s from entry
where offer.id = %(offer_id)s and offer.state = 'offered'
returning offer.id as offer_id, offer.agent_id, entry.id as entry_id, entry.conversation_id, entry.queue_id;

-- miss: Count a missed offer; how many in a row it makes. What was on offer already when the last was missed is the same miss;
-- a call for which nothing rang was missed by nobody.
update agent_state s set missed = s.missed + 1, missed_at = clock_timestamp()
from offer o join queue_entry e on e.id = o.entry_id
where s.agent_id = %(agent_id)s and o.id = %(offer_id)s
  and (e.channel <> 'voice' or exists (select from call_leg l where l.offer_id = o.id))
  and (s.missed = 0 or s.missed_at is null or o.offered_at >= s.missed_at)
returning s.missed;

-- expired: Offers nobody answered in time, and those of channels that answer by themselves.
select o.id, o.agent_id, p.auto_accept
from offer o join queue_entry e on e.id = o.entry_id left join channel_policy p on p.channel = e.channel
where o.state = 'offered' and o.expires_at <= clock_timestamp()
order by o.expires_at
limit %(limit)s;

-- views: Offers by id, as the desk shows them.
select * from offer_shown where id = any(%(ids)s);

-- views_of_agent: What stands on offer to an agent, the oldest first.
select * from offer_shown where agent_id = %(agent_id)s and state = 'offered' order by offered_at, id;

-- decisions: Whom the router chose for a conversation, and why, oldest first.
select d.at, d.key, a.id as chosen_id, a.name as chosen_name, o.state as offer_state, d.reason, d.because,
       coalesce(d.considered, d.candidates::json) as candidates
from queue_entry e
join decision d on d.entry_id = e.id
left join agent a on a.id = d.agent_id
left join offer o on o.id = d.offer_id
where e.conversation_id = %(conversation_id)s
order by d.id desc
limit 50;

-- names: Agents' names.
select id, name from agent where id = any(%(ids)s);

-- waiting: What is known of a waiting entry and of the people of its queue.
select q.name as queue, e.channel, e.requirements, extract(epoch from clock_timestamp() - e.queued_at)::float8 as waited,
       count(m.agent_id)::int as members,
       count(*) filter (where m.state = 'available')::int as available,
       count(*) filter (where m.state = 'available' and (e.channel <> 'voice' or exists (
           select from agent_device d where d.agent_id = m.agent_id and (d.kind = 'phone' or d.ready_until > clock_timestamp()))))::int as reached,
       count(*) filter (where m.state = 'available' and e.excluded ? m.agent_id::text)::int as declined,
       (select coalesce(k.because -> 0 -> 'params', '{}') || jsonb_build_object(
                   'at', to_char(to_timestamp(k.key) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        from (select o.id from queue_entry o where o.queue_id = e.queue_id and o.channel = e.channel and o.state = 'waiting'
              order by o.entered_at limit 20) o
        cross join lateral (
            select d.because, d.key, d.id from decision d
            where d.entry_id = o.id and d.agent_id is null and d.because is not null and d.key > extract(epoch from clock_timestamp())
            order by d.id desc limit 1
        ) k
        order by k.id desc limit 1) as kept
from queue_entry e
join queue q on q.id = e.queue_id
left join queue_staff m on m.queue_id = e.queue_id
where e.conversation_id = %(conversation_id)s and e.state = 'waiting'
group by e.id, q.name;
