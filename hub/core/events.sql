-- append: Log one event, moving the sequence of each topic it belongs to; the rows' locks order the sequences.
with conversation_topic as (
    update conversation set seq = seq + 1, updated_at = clock_timestamp()
    where id = %(conversation_id)s and %(on_conversation)s
    returning seq
), agent_topic as (
    update agent_state set seq = seq + 1
    where agent_id = %(agent_id)s and %(on_agent)s
    returning seq
)
insert into event (kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data)
select %(kind)s, %(contact_id)s, %(conversation_id)s, (select seq from conversation_topic),
       %(agent_id)s, (select seq from agent_topic), %(queue_id)s, %(actor_id)s, %(data)s
returning id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data;

-- read: The events after a cursor that no running transaction can still precede. (The order is the table's, of numbers: a
-- bare `xid` would be the text that is returned.)
select e.xid::text as xid, e.id, e.at, e.kind, e.contact_id, e.conversation_id, e.conversation_seq, e.agent_id, e.agent_seq,
       e.queue_id, e.actor_id, e.data, row_number() over (order by e.xid, e.id)::int as number, true as wanted
from event e
where (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s) and e.xid < (select log_horizon(pg_current_snapshot()))
order by e.xid, e.id
limit %(limit)s;

-- behind: Whether anything committed or running lies after a cursor.
select exists (select from event where (xid, id) > (%(xid)s::text::xid8, %(id)s));

-- newest: The place in the log below which everything is readable now.
select coalesce(e.xid, '0')::text as xid, coalesce(e.id, 0) as id
from (select log_horizon(pg_current_snapshot()) as xid) as horizon
left join lateral (
    select xid, id from event where event.xid < horizon.xid order by xid desc, id desc limit 1) e on true;

-- lock_cursor: Where a reader stands, held against a second copy of it until the transaction ends.
select xid::text as xid, id from event_cursor where reader = %(reader)s for update;

-- start_cursor: A reader's first place in the log.
insert into event_cursor (reader, xid, id) values (%(reader)s, %(xid)s::text::xid8, %(id)s) on conflict do nothing;

-- advance: Move a reader forward.
update event_cursor set xid = %(xid)s::text::xid8, id = %(id)s where reader = %(reader)s;

-- after_conversation: What a screen missed on c:{conversation}.
select id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data
from event where conversation_id = %(topic_id)s and conversation_seq > %(seq)s order by conversation_seq limit %(limit)s;

-- after_agent: What a screen missed on u:{agent}.
select id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data
from event where agent_id = %(topic_id)s and agent_seq > %(seq)s order by agent_seq limit %(limit)s;

-- feed: The next events of the log after one for outside readers, ordered as committed: of so many, those the viewer may see,
-- and the last one looked at. At least one row, of nulls where none is to be seen.
with walked as materialized (
    select e.* from event e
    where (e.xid, e.id) > (coalesce((select c.xid from event c where c.id = %(cursor)s), '0'), %(cursor)s)
      and e.xid < (select log_horizon(pg_current_snapshot()))
    order by e.xid, e.id limit %(walk)s
), shown as (
    select e.* from walked e
    where %(sees_all)s or e.conversation_id is null or exists (
        select from conversation v where v.id = e.conversation_id
            and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s) offset 0) -- by id, never all
    order by e.xid, e.id limit %(limit)s
)
select s.id, s.at, s.kind, s.conversation_id, s.agent_id, s.contact_id, s.queue_id, s.data,
       w.number::int as walked, w.last
from (select count(*) as number, (select x.id from walked x order by x.xid desc, x.id desc limit 1) as last from walked) w
left join shown s on true
order by s.xid, s.id;
