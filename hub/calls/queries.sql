-- call: One call, without a lock.
select id, account_id, conversation_id, interaction_id, direction, kind, external_id, number, our_number, state, locale,
       tries, queue_id, entry_id, agent_id, outcome, recording, started_at, queued_at, answered_at, ended_at
from call where id = %(id)s;

-- lock_call: One call, held until the transaction ends; its conversation is held before.
select id, account_id, conversation_id, interaction_id, direction, kind, external_id, number, our_number, state, locale,
       tries, queue_id, entry_id, agent_id, outcome, recording, started_at, queued_at, answered_at, ended_at
from call where id = %(id)s for update;

-- find: The call and leg a report is about: by our own ids, else by the provider's name of the leg.
select l.call_id, l.id as leg_id from call_leg l
join call c on c.id = l.call_id
where c.account_id = %(account_id)s
  and (l.id = %(leg_id)s::bigint or l.external_id = %(leg)s)
order by l.external_id is distinct from %(leg)s limit 1;

-- live_of_conversation: The call going on in a conversation.
select id from call where conversation_id = %(conversation_id)s and state <> 'ended' order by id desc limit 1;

-- legs: A call's telephones.
select id, call_id, role, agent_id, offer_id, consult, mode, endpoint, external_id, ringing_at, answered_at, joined_at,
       ended_at, end_reason, present, held, muted,
       exists (select from call_command m where m.leg_id = l.id and m.kind = 'hang_up' and m.state not in ('failed', 'unknown')) as leaving
from call_leg l where call_id = %(call_id)s order by id;

-- begin: A call; no row when this provider's leg has one.
insert into call (account_id, conversation_id, interaction_id, direction, kind, external_id, number, our_number, state,
                  locale, queue_id, entry_id, agent_id, queued_at)
values (%(account_id)s, %(conversation_id)s, %(interaction_id)s, %(direction)s, %(kind)s, %(external_id)s, %(number)s,
        %(our_number)s, %(state)s, %(locale)s, %(queue_id)s, %(entry_id)s, %(agent_id)s,
        case when %(state)s = 'queued' then clock_timestamp() end)
returning id;

-- add_leg: A telephone; no row when the offer rings already.
insert into call_leg (call_id, role, agent_id, offer_id, consult, mode, endpoint, external_id)
values (%(call_id)s, %(role)s, %(agent_id)s, %(offer_id)s, %(consult)s, %(mode)s, %(endpoint)s, %(external_id)s)
on conflict do nothing
returning id;

-- name_leg: The provider's name of a leg we made.
update call_leg set external_id = %(leg)s where id = %(id)s and external_id is null;

-- remember: A report, once.
insert into call_event (account_id, dedup_key, call_id, leg_id, kind, seq, at, data, raw)
values (%(account_id)s, %(dedup_key)s, %(call_id)s, %(leg_id)s, %(kind)s, %(seq)s,
        coalesce(%(at)s::timestamptz, clock_timestamp()), %(data)s, %(raw)s)
on conflict (account_id, dedup_key) do nothing
returning at;

-- facts: Everything reported about a call.
select leg_id, kind, seq, at, data from call_event where call_id = %(call_id)s;

-- leg_reached: A moment of a leg becomes known; the earliest report counts, whatever order they come in.
update call_leg set
    ringing_at = case when %(what)s = 'ringing' then least(coalesce(ringing_at, %(at)s), %(at)s) else ringing_at end,
    answered_at = case when %(what)s = 'answered' then least(coalesce(answered_at, %(at)s), %(at)s) else answered_at end,
    ended_at = case when %(what)s = 'ended' then least(coalesce(ended_at, %(at)s), %(at)s) else ended_at end,
    end_reason = case when %(what)s = 'ended' then coalesce(end_reason, %(reason)s) else end_reason end
where id = %(id)s;

-- leg_present: In the room or not, by the newest report.
update call_leg set present = %(present)s, present_at = %(at)s, present_seq = %(seq)s,
    joined_at = case when %(present)s then least(coalesce(joined_at, %(at)s), %(at)s) else joined_at end
where id = %(id)s and (present_at, present_seq) < (%(at)s::timestamptz, %(seq)s);

-- leg_held: On hold or not, by the newest report.
update call_leg set held = %(held)s, held_at = %(at)s, held_seq = %(seq)s
where id = %(id)s and (held_at, held_seq) < (%(at)s::timestamptz, %(seq)s);

-- leg_muted: Muted or not.
update call_leg set muted = %(muted)s where id = %(id)s;

-- leg_mode: How a supervisor takes part.
update call_leg set mode = %(mode)s where id = %(id)s;

-- hung_up_by_us: Whether an agent ended a customer's telephone by the button; not where the provider said it had ended before.
select exists (select from call_command where leg_id = %(leg_id)s and kind = 'hang_up' and data ? 'by_agent'
    and state in ('pending', 'claimed', 'wire', 'done'));

-- last_hold: Whether a telephone was last put on hold (`hold`) or taken off it (`unhold`), done or on its way.
select kind from call_command where leg_id = %(leg_id)s and kind in ('hold', 'unhold') order by id desc limit 1;

-- held_for: Whether the customer was put on hold for this telephone.
select exists (select from call_command where key = %(key)s);

-- on_the_phone: Whether an agent's telephone is in use.
select exists (select from call_leg where agent_id = %(agent_id)s and ended_at is null and (present or joined_at is null));

-- talked: Who talked with the customer, in order: agents by name, others by number.
select coalesce(a.name, l.endpoint) as name from call_leg l left join agent a on a.id = l.agent_id
where l.call_id = %(call_id)s and l.role in ('agent', 'third') and l.joined_at is not null and not l.consult
order by l.joined_at, l.id;

-- set_speaker: Who of us talked last in a call that we made.
update interaction set agent_id = %(agent_id)s where id = %(id)s and direction = 'out';

-- leg_takes_over: Who was asked for advice is the call's agent now.
update call_leg set consult = false, mode = 'talk' where id = %(id)s;

-- move: A call goes from one state to another; no row when it is in none of the former.
update call set state = %(to)s,
    agent_id = coalesce(%(agent_id)s, agent_id),
    queued_at = case when %(to)s = 'queued' then coalesce(queued_at, clock_timestamp()) else queued_at end,
    answered_at = case when %(to)s = 'talking' then coalesce(answered_at, %(at)s, clock_timestamp()) else answered_at end
where id = %(id)s and state = any(%(of)s) returning id;

-- set_place: Where a call waits.
update call set queue_id = %(queue_id)s, entry_id = %(entry_id)s where id = %(id)s;

-- set_agent: Whose call it is.
update call set agent_id = %(agent_id)s where id = %(id)s;

-- set_menu: How far the caller is in the menu.
update call set locale = %(locale)s, tries = %(tries)s where id = %(id)s;

-- set_recording: Whether it is recorded.
update call set recording = %(recording)s where id = %(id)s;

-- end: A call is over; no row when it was.
update call set state = 'ended', ended_at = %(at)s, outcome = %(outcome)s,
    menu_seconds = case when direction = 'in'
        then extract(epoch from coalesce(queued_at, %(at)s, clock_timestamp()) - started_at)::int end
where id = %(id)s and state <> 'ended' returning id;

-- set_times: Its times, computed from all that was reported.
update call set wait_seconds = coalesce(%(wait)s, extract(epoch from answered_at - queued_at)::int),
    talk_seconds = %(talk)s, hold_seconds = %(hold)s
where id = %(id)s;

-- set_ring: How long a leg rang.
update call_leg set ring_seconds = %(seconds)s where id = %(id)s;

-- set_wrap: The notes are done.
update call set wrapped_at = coalesce(wrapped_at, clock_timestamp()), disposition = coalesce(%(disposition)s, disposition),
    wrap_seconds = coalesce(wrap_seconds, greatest(0, extract(epoch from clock_timestamp() - ended_at)::int))
where id = %(id)s and state = 'ended';

-- unwrapped: Calls whose agent's notes are done by the clock, and that do not know it yet.
update call c set wrapped_at = e.closed_at, wrap_seconds = greatest(0, extract(epoch from e.closed_at - c.ended_at)::int)
from queue_entry e
where e.id = c.entry_id and e.state = 'closed' and c.state = 'ended' and c.outcome = 'answered' and c.wrapped_at is null
  and c.ended_at > clock_timestamp() - interval '1 day';

-- caller_conversation: The open conversation of a caller on one of our numbers, unless somebody is on the line in it: who calls
-- from the same number meanwhile waits, and is answered, by themselves.
select v.id from thread t join conversation v on v.id = t.conversation_id
where t.account_id = %(account_id)s and t.address_id = %(address_id)s and v.status <> 'resolved' and v.channel = 'voice'
  and not exists (select from call c where c.conversation_id = v.id and c.state <> 'ended' and (c.kind = 'call' or c.state <> 'queued'));

-- keep_thread: The caller's next call belongs here.
insert into thread (account_id, address_id, conversation_id) values (%(account_id)s, %(address_id)s, %(conversation_id)s)
on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id;

-- tell_interaction: What the record says of the call.
update interaction set text = %(text)s, meta = meta || jsonb_build_object('said', %(said)s::jsonb) where id = %(id)s;

-- queue_by_key: A queue of the center.
select q.id, q.name, h.timezone, h.week, h.holidays from queue q left join hours h on h.id = q.hours_id
where (q.key = %(key)s or q.id = %(id)s::bigint) and q.archived_at is null limit 1;

-- account_queue: Where calls to a number wait unless the menu says otherwise; and what its work needs.
select queue_id, requirements, priority_seconds from account where id = %(id)s;

-- standing: Our own place among who is on the line or is to be called back, and what is known for an estimate (in seconds) of
-- the wait: `agents` are those who are there and can be rung.
select (select count(*) + 1 from queue_entry o where o.queue_id = e.queue_id and o.channel = 'voice' and o.state in ('waiting', 'offered')
          and exists (select from call k where k.entry_id = o.id and k.state = 'queued')
          and (o.entered_at - make_interval(secs => o.priority_seconds), o.id)
            < (e.entered_at - make_interval(secs => e.priority_seconds), e.id))::int as position,
       (select count(*) from queue_staff m join agent_device d on d.agent_id = m.agent_id
         where m.queue_id = e.queue_id and m.state in ('available', 'busy')
           and (d.kind = 'phone' or d.ready_until > clock_timestamp()))::int as agents,
       coalesce((select avg(x.seconds) from (
           select extract(epoch from d.closed_at - d.assigned_at)::float8 as seconds from queue_entry d
           where d.queue_id = e.queue_id and d.channel = 'voice' and d.state = 'closed' and d.assigned_at is not null
           order by d.id desc limit 50) x), 180)::float8 as handling,
       extract(epoch from clock_timestamp() - e.entered_at)::float8 as waited, e.entered_at
from queue_entry e where e.id = %(entry_id)s and e.state <> 'closed';

-- to_ring: Calls offered or given to an agent whose telephone was not rung for it yet.
select c.id as call_id, c.conversation_id, o.id as offer_id, e.agent_id,
       greatest(5, ceil(extract(epoch from coalesce(o.expires_at, e.assigned_at + interval '30 seconds') - clock_timestamp())))::int as seconds
from queue_entry e
join call c on c.entry_id = e.id and c.state = 'queued'
left join offer o on o.id = e.offer_id
where e.state in ('offered', 'assigned')
  and not exists (select from call_leg l where l.call_id = c.id and l.role = 'agent' and l.agent_id = e.agent_id
                  and (l.offer_id = o.id or l.created_at >= coalesce(o.offered_at, e.assigned_at)))
order by e.id limit 100;

-- to_stop: Telephones that ring for an offer that is no more, for whoever has the call no more, or are left over from a call that is over.
select l.id as leg_id, l.call_id from call_leg l
join call c on c.id = l.call_id
left join offer o on o.id = l.offer_id
where l.ended_at is null and (
    (c.state = 'ended' and (l.role <> 'customer' or c.ended_at < clock_timestamp() - interval '15 seconds'))
    or (l.joined_at is null and o.state in ('declined', 'timed_out', 'rescinded'))
    or (c.state = 'queued' and c.direction = 'in' and l.role = 'agent' and l.offer_id is null and not l.consult and l.joined_at is null
        and not exists (select from queue_entry e where e.id = c.entry_id and e.agent_id = l.agent_id)))
  and not exists (select from call_command m where m.leg_id = l.id and m.kind = 'hang_up' and m.state not in ('failed', 'unknown'))
limit 100;

-- lost_agent: Calls given to an agent whose telephone never came, or went before the customer was there.
select c.id as call_id, c.conversation_id, c.direction from call c
join queue_entry e on e.id = c.entry_id
where c.state = 'queued' and e.state = 'assigned'
  and exists (select from call_leg l where l.call_id = c.id and l.role = 'agent' and l.agent_id = e.agent_id and l.created_at >= e.assigned_at - interval '1 minute')
  and not exists (select from call_leg l where l.call_id = c.id and l.role = 'agent' and l.agent_id = e.agent_id and l.ended_at is null)
limit 100;

-- moved_away: Calls in somebody's hands whose entry went back to a queue: they are parked again.
select c.id as call_id, c.conversation_id from call c
where c.state in ('connecting', 'talking')
  and exists (select from queue_entry e where e.conversation_id = c.conversation_id and e.channel = 'voice' and e.state in ('waiting', 'offered'))
limit 100;

-- callback_tried: A callback's call is over: done when they spoke, else tried again a little later, three times in all.
update callback set attempts = attempts + 1,
    state = case when %(answered)s then 'done' when attempts + 1 >= 3 then 'failed' else 'scheduled' end,
    due_at = clock_timestamp() + interval '15 minutes'
where call_id = %(call_id)s and state = 'waiting' returning state = 'failed';

-- to_call_off: Callbacks that wait for an agent in a conversation that one of us has resolved.
select c.id as call_id, c.conversation_id from call c join conversation v on v.id = c.conversation_id
where c.state = 'queued' and c.kind = 'callback' and v.status = 'resolved'
  and not exists (select from queue_entry e where e.id = c.entry_id and e.state in ('waiting', 'offered', 'assigned'))
limit 100;

-- call_off: What was promised is not wanted any more.
update callback set state = 'cancelled' where call_id = %(call_id)s and state = 'waiting';

-- keep_callback: Somebody wants to be called back; no row when that is noted already.
insert into callback (conversation_id, account_id, number, queue_id, agent_id, due_at, entered_at, note, created_by)
values (%(conversation_id)s, %(account_id)s, %(number)s, %(queue_id)s, %(agent_id)s, coalesce(%(due_at)s, clock_timestamp()),
        %(entered_at)s, %(note)s, %(created_by)s)
on conflict do nothing returning id;

-- callback_promised: Whether a callback to a number is planned or waits in the queue.
select exists (select from callback where account_id = %(account_id)s and number = %(number)s and state in ('scheduled', 'waiting'));

-- due_callbacks: Callbacks whose time has come, the oldest first.
select b.id, b.conversation_id, b.account_id, b.number, b.queue_id, b.agent_id, b.entered_at
from callback b where b.state = 'scheduled' and b.due_at <= clock_timestamp() and (select sending_frozen_since()) is null order by b.due_at limit 20;

-- start_callback: It waits in the queue now; no row when somebody was faster.
update callback set state = 'waiting', call_id = %(call_id)s where id = %(id)s and state = 'scheduled' returning id;

-- lock_callback: One that is due, if nobody else has it in hand.
select id from callback where id = %(id)s and state = 'scheduled' for update skip locked;

-- cancel_callback: It is not wanted any more.
update callback set state = 'cancelled' where id = %(id)s and state = 'scheduled' returning conversation_id;

-- callbacks_of: What was promised in a conversation.
select id, number, due_at, state, attempts, note from callback where conversation_id = %(conversation_id)s order by id desc limit 20;

-- customer_address: The telephone address of a conversation's customer.
select a.id, a.contact_id, false as created from conversation v join contact c on c.id = v.contact_id
join contact s on s.root_id = c.root_id join address a on a.contact_id = s.id
where v.id = %(conversation_id)s and a.kind = 'phone' order by (a.value = %(number)s or a.reported = %(number)s) desc, a.id limit 1;

-- silent_legs: Telephones that should be up and are old enough to be asked about.
select l.id, l.call_id, l.external_id, c.account_id from call_leg l join call c on c.id = l.call_id
where l.ended_at is null and l.created_at < clock_timestamp() - make_interval(secs => %(age)s) order by l.id limit 500;

-- leg_by_name: What we know of a telephone a provider says is up.
select l.id, l.call_id, l.ended_at is not null or c.state = 'ended' as over
from call_leg l join call c on c.id = l.call_id where l.external_id = %(leg)s;

-- device: Where an agent is rung; none when their browser is not there.
select kind, number, ready_until > clock_timestamp() as ready from agent_device where agent_id = %(agent_id)s;

-- free_in_queue: Who of a queue can be asked now: available, at a telephone with nobody on it; the longest idle first.
select s.agent_id from agent_queue m
join agent_state s on s.agent_id = m.agent_id and s.state = 'available'
join agent_device d on d.agent_id = m.agent_id and (d.kind = 'phone' or d.ready_until > clock_timestamp())
where m.queue_id = %(queue_id)s and m.agent_id <> %(agent_id)s
  and not exists (select from call_leg l where l.agent_id = m.agent_id and l.ended_at is null)
  and not exists (select from queue_entry e where e.agent_id = m.agent_id and e.channel = 'voice'
      and e.state in ('offered', 'assigned', 'wrapping'))
order by s.idle_since, s.agent_id limit 1;

-- ours: Whether a number is one of our own.
select exists (select from account where channel = 'voice' and regexp_replace(address, '[^0-9+]', '', 'g') = %(number)s);

-- flows: How each of our numbers calls out.
select coalesce(settings -> 'voice', '{}') as flow from account where channel = 'voice' and enabled order by id;

-- only_one: Nobody else sets this number meanwhile.
select pg_advisory_xact_lock(hashtextextended('agent_device ' || %(number)s::text, 0));

-- rings_another: Whether somebody else who works here is rung at a number.
select exists (select from agent_device d join agent g on g.id = d.agent_id and g.disabled_at is null
    where d.kind = 'phone' and d.number = %(number)s and d.agent_id <> %(agent_id)s);

-- put_device: Where an agent wants to be rung.
insert into agent_device (agent_id, kind, number, ready_until)
values (%(agent_id)s, %(kind)s, %(number)s, case when %(ready)s then clock_timestamp() + interval '45 seconds' else '-infinity' end)
on conflict (agent_id) do update set kind = excluded.kind, number = excluded.number, ready_until = excluded.ready_until
returning kind, number;

-- dialled_lately: Calls out within the hour, of a number of ours.
select count(*) from call where account_id = %(account_id)s and direction = 'out' and started_at > clock_timestamp() - interval '1 hour';

-- shown: Calls as the desk shows them.
select c.id, c.conversation_id, c.direction, c.kind, c.number, c.our_number, c.state, c.outcome, c.disposition, c.recording,
       c.started_at, c.queued_at, c.answered_at, c.ended_at, c.menu_seconds, c.wait_seconds, c.talk_seconds, c.hold_seconds,
       c.wrap_seconds, clock_timestamp() as server_now,
       case when q.id is not null then jsonb_build_object('id', q.id, 'name', q.name) end as queue,
       case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as agent,
       jsonb_build_object('id', k.root_id, 'name', contact_label(k.root_id, coalesce(nullif(r.name, ''), k.name))) as contact,
       coalesce((select jsonb_agg(jsonb_build_object(
           'id', l.id, 'role', l.role, 'mode', l.mode, 'consult', l.consult, 'endpoint', case when l.role in ('customer', 'third') then l.endpoint end,
           'agent', case when g.id is not null then jsonb_build_object('id', g.id, 'name', g.name) end,
           'state', case when l.ended_at is not null then 'ended' when l.present and l.held then 'held' when l.present then 'talking'
                         when l.answered_at is not null then 'answered' when l.ringing_at is not null then 'ringing' else 'dialling' end,
           'muted', l.muted, 'offered', l.ended_at is null and l.offer_id is not null and l.joined_at is null, 'end_reason', l.end_reason, 'ring_seconds', l.ring_seconds) order by l.id)
           from call_leg l left join agent g on g.id = l.agent_id where l.call_id = c.id), '[]') as legs,
       coalesce((select jsonb_agg(jsonb_build_object('id', f.id, 'kind', f.kind, 'state', f.state, 'seconds', f.seconds,
           'transcript', f.transcript) order by f.id) from call_recording f where f.call_id = c.id and f.state <> 'deleted'), '[]') as recordings
from call c
join conversation v on v.id = c.conversation_id
join contact k on k.id = v.contact_id
join contact r on r.id = k.root_id
left join queue q on q.id = c.queue_id
left join agent a on a.id = c.agent_id
where (%(ids)s::bigint[] is null or c.id = any(%(ids)s))
  and (%(conversation_id)s::bigint is null or c.conversation_id = %(conversation_id)s)
  and (%(agent_id)s::bigint is null
       or (c.state <> 'ended' and exists (
           select from call_leg l where l.call_id = c.id and l.agent_id = %(agent_id)s and l.ended_at is null))
       or (c.state = 'ended' and c.agent_id = %(agent_id)s and c.wrapped_at is null and exists (
           select from queue_entry e where e.id = c.entry_id and e.state = 'wrapping' and e.agent_id = %(agent_id)s)))
  and (not %(live)s or c.state <> 'ended')
order by c.id desc limit 100;

-- visible: Which of these conversations the viewer may see.
select v.id from conversation v where v.id = any(%(ids)s) and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s);

-- number_of: The number a conversation's customer is called at.
select coalesce(a.reported, a.value) from conversation v join contact c on c.id = v.contact_id join contact s on s.root_id = c.root_id
join address a on a.contact_id = s.id where v.id = %(conversation_id)s and a.kind = 'phone' order by a.id desc limit 1;

-- callback_place: The conversation of a callback.
select conversation_id from callback where id = %(id)s;

-- moment: A text that no earlier command has in its key.
select clock_timestamp()::text;
