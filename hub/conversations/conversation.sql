-- lock: A conversation, locked until the transaction ends; the first lock of every change here.
select id, contact_id, account_id, subject, status, agent_id, queue_id, channel
from conversation where id = %(id)s for no key update;

-- create: A conversation begins; `heard`: the customer has been heard in it already, at this moment.
insert into conversation (contact_id, account_id, channel, subject, queue_id, agent_id, preview, last_inbound_at)
values (%(contact_id)s, %(account_id)s, %(channel)s, %(subject)s, %(queue_id)s, %(agent_id)s, %(preview)s,
        case when %(heard)s then clock_timestamp() end)
returning id;

-- open_again: What was resolved or snoozed is open: somebody is to work on it. Whoever asked, or called in vain, and was never
-- answered waits again since then; what was said of it when it was over (a nod, a score) asks for nothing.
with owed as (
    select i.seq, e.at as logged_at
    from interaction i join event e on e.conversation_id = i.conversation_id and e.conversation_seq = i.seq
    where i.conversation_id = %(id)s and i.kind = 'message' and i.direction = 'in' and not i.automatic
      and not e.data ? 'quiet' and i.seq > coalesce((select max(o.seq) from interaction o where o.conversation_id = %(id)s and answered_by(o)), 0)
      and not exists (select from call c where c.interaction_id = i.id and c.outcome in ('left_menu', 'closed', 'callback'))
), since as (
    select min(o.logged_at) as at from owed o
    where not exists (select from call c where c.conversation_id = %(id)s and c.answered_at > o.logged_at)
)
update conversation set status = 'open', resolved_at = null, snoozed_until = null, updated_at = now(),
    reopened = reopened + (status = 'resolved')::int,
    waiting_since = case when status = 'resolved' then (select at from since) else waiting_since end
where id = %(id)s and status <> 'open' returning id;

-- assign: Whose desk a conversation is on, and in which queue it stands.
update conversation set agent_id = %(agent_id)s, queue_id = coalesce(%(queue_id)s, queue_id) where id = %(id)s;

-- resolve: Nothing more is to be done.
update conversation set status = 'resolved', resolved_at = now(), resolved_by = %(actor_id)s, disposition = coalesce(%(disposition)s, disposition),
    waiting_since = null, snoozed_until = null, updated_at = now()
where id = %(id)s and status <> 'resolved' returning queue_id, agent_id;

-- snooze: Out of sight until then, or until the customer writes.
update conversation set status = 'snoozed', snoozed_until = %(until)s, updated_at = now()
where id = %(id)s and status = 'open' returning agent_id;

-- set_disposition: What came of it.
update conversation set disposition = %(disposition)s where id = %(id)s;

-- customer_waits: Whether the customer of a locked conversation waits for an answer.
select status = 'open' and waiting_since is not null from conversation where id = %(id)s;

-- start_waiting: The customer waits from now on, unless they do already.
update conversation set waiting_since = coalesce(waiting_since, clock_timestamp()) where id = %(id)s and status = 'open';

-- stop_waiting: The customer waits for nothing.
update conversation set waiting_since = null, updated_at = clock_timestamp() where id = %(id)s;

-- mark_read: What the desk has seen; a row when nothing is unread any more that was.
with before as (select id, read_seq from conversation where id = %(id)s for no key update),
seen as (
    update conversation v set read_seq = greatest(v.read_seq, least(%(seq)s, v.interaction_seq)) from before b where v.id = b.id
    returning v.id, b.read_seq < v.interaction_seq and v.read_seq >= v.interaction_seq as all_read
)
select id from seen where all_read;

-- replied: The clocks after an answer of ours. What people said stands as the last of it, not what the hub adds by itself.
update conversation set
    waiting_since = case when %(automatic)s then waiting_since end,
    first_reply_at = case when %(automatic)s then first_reply_at else coalesce(first_reply_at, greatest(now(), %(due_at)s)) end,
    last_outbound_at = greatest(now(), %(due_at)s), interaction_seq = %(seq)s, failed = false,
    preview = case when %(automatic)s and preview ~ '\S' then preview else %(preview)s end,
    read_seq = case when %(automatic)s then read_seq else %(seq)s end,
    channel = case when %(automatic)s then channel else %(channel)s end, updated_at = now()
where id = %(id)s;

-- reply_withdrawn: The clocks as they are without what was taken back, from what was really said.
with said as (
    select i.seq, i.direction, i.automatic or e.data ? 'quiet' as automatic, i.text, i.status, e.at, greatest(i.at, o.begun_at) as leaves_at
    from interaction i
    join event e on e.conversation_id = i.conversation_id and e.conversation_seq = i.seq
    left join outbound o on o.interaction_id = i.id
    where i.conversation_id = %(id)s and i.kind = 'message' and i.status <> 'cancelled'
), answers as (
    select max(seq) as last, min(leaves_at) as first_at from said where direction = 'out' and not automatic
)
update conversation v set
    waiting_since = (
        select min(s.at) from said s where s.direction = 'in' and not s.automatic and s.seq > coalesce(a.last, 0)),
    first_reply_at = a.first_at,
    last_outbound_at = (select max(s.leaves_at) from said s where s.direction = 'out'),
    preview = coalesce((select left(s.text, 200) from said s order by s.direction = 'out' and s.automatic, s.seq desc limit 1), ''),
    failed = exists (select from outbound o where o.conversation_id = v.id and o.state in ('failed', 'unknown')),
    updated_at = now()
from answers a
where v.id = %(id)s;

-- rated: What a customer said of our help stands as the last of the conversation, for whoever takes it up: a low score, and
-- whatever replaces it.
update conversation set said = %(said)s::jsonb, preview = %(said)s::jsonb ->> 'text'
where id = %(id)s and (%(low)s or (said ->> 'code' = 'line.score' and said ->> 'text' = preview));

-- waits_still: The customer waits whom no answer has reached: what did not arrive was none. No row where they were answered
-- otherwise, by telephone too, wait anyhow, or want nothing at the address the lost answer went to.
with lost as (
    select i.seq from interaction i left join address a on a.id = i.address_id
    where i.id = %(interaction_id)s and i.conversation_id = %(id)s and i.kind = 'message' and i.direction = 'out'
      and not i.automatic and i.status = 'failed' and (a.opted_out_at is null or a.kind = 'email')
), answers as (
    select max(i.seq) as last, min(greatest(i.at, o.begun_at)) as first_at
    from interaction i left join outbound o on o.interaction_id = i.id
    where i.conversation_id = %(id)s and answered_by(i)
), owed as (
    select min(e.at) as since
    from lost l cross join answers a
    join interaction i on i.conversation_id = %(id)s and i.kind = 'message' and i.direction = 'in' and not i.automatic
        and i.seq > coalesce(a.last, 0)
    join event e on e.conversation_id = i.conversation_id and e.conversation_seq = i.seq and not e.data ? 'quiet'
    where l.seq > coalesce(a.last, 0)
)
update conversation v set waiting_since = w.since, first_reply_at = a.first_at, updated_at = clock_timestamp()
from owed w cross join answers a
where v.id = %(id)s and w.since is not null and v.waiting_since is null
  and not exists (select from call c where c.conversation_id = v.id and c.answered_at > w.since)
returning v.waiting_since;

-- wait_anew: Since when the customer waits, once what one wrote has turned out to be nobody's work.
update conversation v set waiting_since = (
    select min(e.at)
    from interaction i join event e on e.conversation_id = i.conversation_id and e.conversation_seq = i.seq
    where i.conversation_id = v.id and i.kind = 'message' and i.direction = 'in' and not i.automatic and not e.data ? 'quiet'
      and i.seq > coalesce((select max(o.seq) from interaction o where o.conversation_id = v.id and answered_by(o)), 0))
where v.id = %(id)s and v.waiting_since is not null;

-- call_described: A call is the last that happened; whose turn it is then.
update conversation set preview = %(preview)s, said = %(said)s, channel = 'voice', updated_at = clock_timestamp(),
    interaction_seq = greatest(interaction_seq, coalesce(%(seq)s, 0)),
    waiting_since = case when %(waiting)s then coalesce(waiting_since, clock_timestamp())
                         when %(answered)s then null else waiting_since end,
    first_reply_at = case when %(answered)s then coalesce(first_reply_at, clock_timestamp()) else first_reply_at end,
    read_seq = case when %(answered)s then greatest(read_seq, interaction_seq) else read_seq end,
    status = case when %(waiting)s then 'open' else status end
where id = %(id)s;

-- call_begun: The conversation is about a call again, and open.
update conversation set channel = 'voice', status = 'open', resolved_at = null where id = %(id)s;

-- recount_failed: Marked while something in it did not leave, or nobody knows.
update conversation v set failed = exists (
    select from outbound o where o.conversation_id = v.id and o.state in ('failed', 'unknown'))
where v.id = %(id)s;
