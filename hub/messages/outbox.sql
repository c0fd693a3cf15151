-- claim: Take due sends, fairly; see migrations/functions/outbox_claim.sql.
select id, interaction_id, conversation_id, account_id, attempt, payload, created_at, lane, probe
from outbound_claim(%(connectors)s::text[], %(others)s, %(seats)s, %(room_else)s, %(limit)s, %(lease)s);

-- due: Whether anything waits to leave that may leave now.
select (select sending_frozen_since()) is null and exists (select from outbound o where o.state = 'pending' and o.due_at <= now()
    and not exists (select from pace p where p.account_id = o.account_id and p.next_at > clock_timestamp())
    and not exists (select from account_trouble t where t.account_id = o.account_id and t.next_at > clock_timestamp()));

-- next_due: Seconds until the next send that waits for its time, or for its account's.
select extract(epoch from least(
    (select min(due_at) from outbound where state = 'pending' and due_at > now()),
    (select min(t.next_at) from account_trouble t where t.next_at > now()
        and exists (select from outbound o where o.account_id = t.account_id and o.state = 'pending' and o.due_at <= now())),
    (select min(p.next_at) from pace p where p.next_at > now()
        and exists (select from outbound o where o.account_id = p.account_id and o.state = 'pending' and o.due_at <= now()))
    ) - clock_timestamp());

-- wire: Cross the line after which the outcome may be unknown; only while the claim holds. What somebody else has locked is
-- as good as lost: nothing has been sent, and the next try is free.
update outbound o set state = 'wire', wire_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
from (
    select b.id from outbound b join unnest(%(ids)s::bigint[], %(attempts)s::int[]) as k (id, attempt) on b.id = k.id and b.attempt = k.attempt
    where b.state = 'claimed' and (select sending_frozen_since()) is null
    order by b.id for update of b skip locked) mine
where o.id = mine.id
returning o.id, o.attempt;

-- renew: Hold on to claims while their sends go on; those that are not held any more are missing.
update outbound o set lease_until = clock_timestamp() + make_interval(secs => %(lease)s)
from (
    select b.id from outbound b join unnest(%(ids)s::bigint[], %(attempts)s::int[]) as k (id, attempt) on b.id = k.id and b.attempt = k.attempt
    where b.state in ('claimed', 'wire') order by b.id for update of b skip locked) mine
where o.id = mine.id
returning o.id, o.attempt;

-- expired: Claims whose worker is gone: before the wire they are tried again, after it the outcome is unknown.
select id, attempt, state from outbound
where state in ('claimed', 'wire') and lease_until < now()
order by id limit 500;

-- attachments: The files of a send.
select name, content_type, body, file_id, content_id, inline from attachment where interaction_id = %(interaction_id)s order by id;

-- attachment_ids: The files of a send, by id.
select id from attachment where interaction_id = %(interaction_id)s order by id;

-- stuck: Sends that wait for a person.
select o.id, o.state, o.error, o.code, coalesce(o.params, '{}') as params, o.conversation_id, o.interaction_id, o.created_at, o.wire_at,
       case when o.code = 'send.absent' then o.due_at end as next_try_at, a.channel, a.name as account,
       jsonb_build_object('id', c.root_id, 'name', coalesce(nullif(c.name, ''), r.name)) as contact, o.payload ->> 'to' as recipient,
       left(coalesce(nullif(i.subject, ''), i.text), 160) as preview
from outbound o join interaction i on i.id = o.interaction_id join conversation v on v.id = o.conversation_id join account a on a.id = o.account_id
join contact c on c.id = v.contact_id join contact r on r.id = c.root_id
where o.state = 'unknown' and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s)
order by o.id limit %(limit)s;

-- conversations_of: Where sends belong.
select id, conversation_id from outbound where id = any(%(ids)s);

-- retry: A person decides to send again what is unknown or failed.
update outbound set state = 'pending', due_at = now(), begun_at = now(), error = null, code = null, params = null, rank = 0
where id = %(id)s and state = any(%(states)s)
returning conversation_id, interaction_id;

-- settle: A person found that it did arrive.
update outbound set state = 'sent', rank = greatest(rank, 1), error = null, code = null, params = null, done_at = now()
where id = %(id)s and state = 'unknown'
returning conversation_id, interaction_id;

-- show_status: The status a person's decision leads to.
update interaction set status = %(status)s, error = null where id = %(id)s;

-- doubtful: Sends nobody knows the outcome of whose mailbox may know it; the next look at them is put off, twice as long each time.
with due as (
    select o.id from outbound o
    where o.state = 'unknown' and o.due_at <= now() and o.wire_at > now() - interval '3 days'
    order by o.due_at limit %(limit)s
    for update of o skip locked
)
update outbound o set due_at = now() + greatest(interval '30 seconds', now() - coalesce(o.wire_at, o.created_at))
from due where o.id = due.id
returning o.id, o.interaction_id, o.conversation_id, o.account_id, o.attempt, o.payload, o.begun_at as created_at;

-- doubted: Whether such a look is due.
select exists (select from outbound where state = 'unknown' and due_at <= now() and wire_at > now() - interval '3 days');

-- known_there: Which of the provider's ids belong to other sends of ours.
select provider_id from outbound where provider_id = any(%(provider_ids)s) and connector = %(connector)s and id <> %(id)s;

-- alone_with: Nobody else looks at this message of the provider's until the transaction ends.
select pg_advisory_xact_lock(hashtextextended(%(provider_id)s, 0));

-- found_there: A send of unknown outcome is this message at the provider.
update outbound set provider_id = %(provider_id)s
where id = %(id)s and state = 'unknown' and (provider_id is null or provider_id = %(provider_id)s)
  and not exists (select from outbound o where o.provider_id = %(provider_id)s and o.id <> %(id)s)
  and not exists ( -- what is on its way may be what is listed, and nobody has been told its id yet
      select from outbound b where b.conversation_id = outbound.conversation_id and b.id <> %(id)s and b.state in ('claimed', 'wire'));

-- absent: The provider was asked and knows nothing of it, long enough after it was sent: note since when, and say so.
update outbound o set absent_at = clock_timestamp(), error = %(words)s, code = %(code)s, params = null
where o.id = %(id)s and o.attempt = %(attempt)s and o.state = 'unknown' and coalesce(o.absent_at < o.wire_at, true)
  and o.wire_at < clock_timestamp() - %(after)s
returning o.conversation_id, o.interaction_id;

-- resend: It was lacking long ago, and still is: it goes again by itself, while it is young enough to be wanted.
update outbound o set state = 'pending', due_at = now(), error = null, code = null, params = null, rank = 0
where o.id = %(id)s and o.attempt = %(attempt)s and o.state = 'unknown' and o.provider_id is null
  and o.absent_at > o.wire_at and o.absent_at < clock_timestamp() - %(after)s and o.begun_at > now() - %(patience)s
returning o.conversation_id, o.interaction_id;

-- show_error: What is known about a send, where people read.
update interaction set error = %(words)s where id = %(id)s;

-- alive: A worker is there.
with forgotten as (delete from worker where seen_at < clock_timestamp() - interval '1 day' and name <> %(name)s)
insert into worker (name, in_flight) values (%(name)s, %(in_flight)s)
on conflict (name) do update set seen_at = clock_timestamp(), in_flight = excluded.in_flight;

-- gone: A worker has ended.
delete from worker where name = %(name)s;
