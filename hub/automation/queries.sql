-- delays: What the center says instead of the defaults.
select value from meta where key = 'automation';

-- news: The next events after which something may follow, and the last one read. Most messages of customers are not
-- among them: nothing was planned that they could stop, nothing was asked that they could answer, and we never close.
with batch as materialized (
    select xid, id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data,
           row_number() over (order by xid, id)::int as number
    from event
    where (xid, id) > (%(xid)s::text::xid8, %(id)s) and xid < (select log_horizon(pg_current_snapshot()))
    order by xid, id
    limit %(limit)s
), judged as (
    select b.*, b.conversation_id is not null and case
        when b.kind in ('conversation.resolved', 'conversation.reopened', 'conversation.snoozed', 'chat.left', 'call.missed') then true
        when b.kind = 'interaction.updated' then b.data ->> 'status' = 'failed'
        when b.kind <> 'interaction.created' or (b.data ->> 'automatic')::boolean then false
        when b.data ->> 'direction' = 'out' then true
        else exists (
                 select from conversation v join queue q on q.id = v.queue_id
                 where v.id = b.conversation_id and q.hours_id is not null)
             or exists (
                 select from follow_up f where f.conversation_id = b.conversation_id and f.kind = 'satisfaction' and f.state = 'fired')
             or exists (
                 select from contact c join contact same on same.root_id = c.root_id
                 join conversation other on other.contact_id = same.id
                 join follow_up f on f.conversation_id = other.id
                 where c.id = b.contact_id and f.state = 'scheduled' and f.stops_on_reply)
        end as wanted
    from batch b
)
select xid::text as xid, id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id,
       actor_id, data, number, wanted
from judged
where wanted or number = (select max(number) from judged)
order by number;

-- late_after: Up to whom the customers who wait too long have been noted; held until the transaction ends.
select value from meta where key = 'automation.late' for update;

-- late_begin: Nobody has been noted yet.
insert into meta (key, value) values ('automation.late', '{"since": "1970-01-01T00:00:00Z", "id": 0}') on conflict (key) do nothing;

-- late: Who has waited since before a moment, the longest first, after those noted.
select v.id, v.waiting_since, coalesce(h.timezone, 'UTC') as timezone, h.week, h.holidays
from conversation v
left join queue q on q.id = v.queue_id
left join hours h on h.id = q.hours_id
where v.waiting_since <= %(before)s and (v.waiting_since, v.id) > (%(since)s::timestamptz, %(id)s) and v.status = 'open'
order by v.waiting_since, v.id
limit %(limit)s;

-- late_noted: Up to whom they have been noted now.
update meta set value = jsonb_build_object('since', %(since)s::timestamptz, 'id', %(id)s) where key = 'automation.late';

-- contexts: What is needed to know of conversations to plan their follow-ups.
select v.id, v.channel, v.status, v.first_reply_at is not null as answered, coalesce(h.timezone, 'UTC') as timezone,
       h.week, h.holidays, coalesce((select max(i.id) from interaction i where i.conversation_id = v.id), 0) as newest,
       exists (select from rating r where r.conversation_id = v.id) as rated,
       exists (select from follow_up f where f.conversation_id = v.id and f.kind = 'satisfaction' and f.state = 'fired') as asked
from conversation v
left join queue q on q.id = v.queue_id
left join hours h on h.id = q.hours_id
where v.id = any(%(ids)s);

-- schedule: Write follow-ups down, each once.
insert into follow_up (key, kind, conversation_id, due_at, stops_on_reply, payload)
select p.key, p.kind, p.conversation_id, p.due_at, p.stops_on_reply, p.payload
from jsonb_to_recordset(%(plans)s) as p (
    key text, kind text, conversation_id bigint, due_at timestamptz, stops_on_reply boolean, payload jsonb)
order by p.key
on conflict (key) do nothing;

-- stop_on_reply: Customers have written: nothing that waits for them follows, on whichever channel it was planned.
update follow_up f set state = 'cancelled', ended_at = clock_timestamp(), reason = 'the customer has written'
from unnest(%(ids)s::bigint[], %(newest)s::bigint[]) as said (conversation_id, newest)
join conversation v on v.id = said.conversation_id
join contact c on c.id = v.contact_id
join contact same on same.root_id = c.root_id
join conversation other on other.contact_id = same.id
where f.state = 'scheduled' and f.stops_on_reply and f.conversation_id = other.id
  and coalesce((f.payload ->> 'after')::bigint, 0) < said.newest;

-- cancel: Some kinds of follow-up of some conversations have lost their point.
update follow_up set state = 'cancelled', ended_at = clock_timestamp(), reason = %(reason)s
where state = 'scheduled' and conversation_id = any(%(ids)s) and kind = any(%(kinds)s);

-- claim: The follow-up that is due longest, held until the transaction ends. What writes to customers waits while sending is frozen.
select id, key, kind, conversation_id, stops_on_reply, payload
from follow_up
where state = 'scheduled' and due_at <= clock_timestamp()
  and (kind <> all(%(writes)s) or (select sending_frozen_since()) is null)
order by due_at
limit 1
for update skip locked;

-- put_off: It broke: tried again later, and given up in the end.
update follow_up set attempts = attempts + 1, due_at = clock_timestamp() + make_interval(mins => 1 << least(attempts, 10)),
    state = case when attempts + 1 >= %(most)s then 'cancelled' else state end, reason = %(reason)s,
    ended_at = case when attempts + 1 >= %(most)s then clock_timestamp() end
where id = %(id)s and state = 'scheduled';

-- postpone: Its queue does not work now: due when it does.
update follow_up set due_at = %(due_at)s where id = %(id)s and state = 'scheduled';

-- end: It has happened, or will not.
update follow_up set state = %(state)s, reason = %(reason)s, ended_at = clock_timestamp()
where id = %(id)s and state = 'scheduled';

-- replied: Whether the customer has written since an interaction, on any channel, under any linked record.
select exists (
    select from conversation v
    join contact c on c.id = v.contact_id
    join contact same on same.root_id = c.root_id
    join interaction i on i.contact_id = same.id
    where v.id = %(conversation_id)s and i.direction = 'in' and not i.automatic and i.id > %(after)s);

-- situation: The conversation at the moment a follow-up is due, and what its texts may name.
select v.status, v.channel, v.waiting_since, v.agent_id, s.state as agent_state, v.first_reply_at is not null as answered,
       exists (select from rating r where r.conversation_id = v.id) as rated,
       exists (select from follow_up f where f.conversation_id = v.id and f.kind = 'satisfaction' and f.state = 'fired') as asked,
       coalesce(nullif(c.name, ''), '') as contact_name, coalesce(c.locale, t.locale, 'en') as locale, q.name as queue_name,
       a.name as agent_name,
       coalesce(w.verified or p.verified_at is not null or v.channel <> 'email', true) as proved,
       p.opted_out_at is not null as opted_out,
       coalesce((w.meta ->> 'no_auto_answer')::boolean, false) as wants_no_answer,
       (select count(*) from interaction i where i.conversation_id = v.id and i.direction = 'out' and i.automatic
          and i.at > clock_timestamp() - interval '24 hours')::int as answered_here,
       (select count(*) from interaction i where i.address_id = w.address_id and i.direction = 'out' and i.automatic
          and i.contact_id = w.contact_id and i.at > clock_timestamp() - interval '24 hours')::int as answered_everywhere,
       coalesce(h.timezone, 'UTC') as timezone, h.week, h.holidays, coalesce(q.target_seconds, 0) as target_seconds
from conversation v
left join lateral (
    select i.verified, i.meta, i.address_id, i.contact_id from interaction i
    where i.conversation_id = v.id and i.direction = 'in' order by i.seq desc limit 1) w on true
left join address p on p.id = w.address_id
join contact c on c.id = v.contact_id
left join account t on t.id = v.account_id
left join queue q on q.id = v.queue_id
left join hours h on h.id = q.hours_id
left join agent a on a.id = v.agent_id
left join agent_state s on s.agent_id = v.agent_id
where v.id = %(conversation_id)s;

-- said_email: The mail address that a visitor gave last in a conversation; nobody has proved it.
select i.meta ->> 'email' from interaction i
where i.conversation_id = %(conversation_id)s and i.direction = 'in' and i.meta ? 'email'
order by i.seq desc limit 1;

-- template: A text in a language, or in English.
select subject, body from template where key = %(key)s and locale in (%(locale)s, 'en') order by locale = 'en' limit 1;

-- may_survey: Whether this customer may be asked how it was; remembered as asked when they may.
select survey_claim(%(conversation_id)s);

-- rating_asked: What a message says that may answer our question how it was; none when no question of ours is open, or a file came with it.
select i.text
from interaction i
where i.id = %(interaction_id)s and i.direction = 'in' and i.channel <> 'chat' and not i.automatic
  and survey_open(i.conversation_id, %(days)s, i.id) and not i.meta ? 'files'
  and not exists (select from attachment f where f.interaction_id = i.id and not f.inline);

-- rate: Keep a rating of whoever answered last; the last word counts, and the same again changes nothing.
insert into rating as r (conversation_id, agent_id, queue_id, score, comment, at)
select v.id, last_answered_by(v.id), v.queue_id, %(score)s, coalesce(%(comment)s, ''), clock_timestamp()
from conversation v where v.id = %(conversation_id)s
on conflict (conversation_id) do update set score = excluded.score, comment = coalesce(%(comment)s, r.comment), at = excluded.at
where (r.score, r.comment) is distinct from (excluded.score, coalesce(%(comment)s, r.comment));

-- rated: What a customer said of a conversation.
select score, comment from rating where conversation_id = %(conversation_id)s;

-- asked: A conversation whose customer was asked how it was, and what they said.
select coalesce(c.locale, t.locale, 'en') as locale, r.score, r.comment
from conversation v
join contact c on c.id = v.contact_id
left join account t on t.id = v.account_id
left join rating r on r.conversation_id = v.id
where v.id = %(conversation_id)s;
