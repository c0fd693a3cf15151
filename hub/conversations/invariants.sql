-- broken: What breaks the rules of work, the next few: see invariants.py. One conversation, or all after one.
with live as (
    select e.*, v.status, v.agent_id as desk_id
    from queue_entry e
    cross join lateral (select v.status, v.agent_id from conversation v where v.id = e.conversation_id offset 0) v -- by id, never all
    where e.state <> 'closed' and (%(conversation_id)s::bigint is null or e.conversation_id = %(conversation_id)s)
), found as (
    select v.id as conversation_id, null::bigint as entry_id, 'waits_nowhere' as fault
    from conversation v
    where v.status = 'open' and v.waiting_since is not null
      and (%(conversation_id)s::bigint is null or v.id = %(conversation_id)s)
      and not exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed')
    union all
    select conversation_id, id, 'works_on_what_is_over' from live where state <> 'wrapping' and status <> 'open'
    union all
    select l.conversation_id, l.id, 'with_nobody' from live l
    where l.state in ('offered', 'assigned', 'wrapping')
      and not coalesce(may_answer(l.agent_id), false)
      -- who talks on the telephone goes on talking, whatever became of their right
      and not exists (select from call c where c.entry_id = l.id and l.state = 'assigned' and c.state in ('connecting', 'talking'))
    union all
    select l.conversation_id, l.id, 'offer_gone' from live l
    where l.state = 'offered'
      and not exists (select from offer o where o.id = l.offer_id and o.entry_id = l.id and o.state = 'offered')
    union all
    select conversation_id, id, 'on_another_desk' from live
    where state = 'assigned' and desk_id is distinct from agent_id
    union all
    select conversation_id, id, 'on_a_desk_and_waiting' from live where state in ('waiting', 'offered') and desk_id is not null
    union all
    select l.conversation_id, l.id, 'queue_gone' from live l
    where l.state in ('waiting', 'offered')
      and not exists (select from queue q where q.id = l.queue_id and q.archived_at is null)
    union all
    select l.conversation_id, l.id, 'rings_nowhere' from live l
    where l.channel = 'voice' and l.state <> 'wrapping'
      and not exists (select from call c where c.conversation_id = l.conversation_id and c.state in ('queued', 'connecting', 'talking'))
    union all
    select c.conversation_id, c.entry_id, 'call_elsewhere' from call c
    where c.state = 'queued' and c.direction = 'in' and (%(conversation_id)s::bigint is null or c.conversation_id = %(conversation_id)s)
      and not exists (select from queue_entry e where e.id = c.entry_id and e.channel = 'voice' and e.state in ('waiting', 'offered', 'assigned'))
)
select conversation_id, entry_id, fault from found where conversation_id > %(after)s order by conversation_id, fault limit %(limit)s;

-- begun_after_the_end: Whether an entry was queued after its conversation was resolved: then somebody meant it.
select e.queued_at > v.resolved_at from queue_entry e join conversation v on v.id = e.conversation_id where e.id = %(entry_id)s;

-- lost_offer: An entry whose offer is gone waits again.
update queue_entry set state = 'waiting', agent_id = null, offer_id = null where id = %(entry_id)s and state = 'offered';

-- note: Keep what was mended.
insert into work_repair (conversation_id, entry_id, fault) values (%(conversation_id)s, %(entry_id)s, %(fault)s);

-- mended: What was mended since a while ago, by kind.
select fault, count(*)::int as number, max(at) as last from work_repair
where at > clock_timestamp() - make_interval(secs => %(seconds)s) group by fault order by fault;
