-- claim: Take due sends, the oldest first, one at a time per conversation and account so that order is kept.
with due as (
    select o.id from outbound o
    where o.state = 'pending' and o.due_at <= now() and (select sending_frozen_since()) is null
      and not exists (select from pace p where p.account_id = o.account_id)
      and not exists (
          select from outbound b where b.conversation_id = o.conversation_id and b.account_id = o.account_id
            and b.id < o.id and b.state in ('pending', 'claimed', 'wire') and b.due_at <= o.due_at + interval '1 hour'
            and not (b.attempt = 0 and b.due_at > o.due_at)) -- what is meant to leave later holds up nobody
    order by o.due_at, o.id
    limit %(limit)s
    for update of o skip locked
)
update outbound o set state = 'claimed', attempt = o.attempt + 1, lease_until = clock_timestamp() + interval '60 seconds'
from due where o.id = due.id
returning o.id, o.interaction_id, o.conversation_id, o.account_id, o.attempt, o.payload, o.begun_at as created_at;

-- claim_paced: The same for accounts with a bounded rate: as many as it allows now, the pause of the last second made good.
with paced as (
    select p.account_id, p.per_second, greatest(p.next_at, clock_timestamp() - interval '1 second') as since
    from pace p where p.next_at <= clock_timestamp() and (select sending_frozen_since()) is null order by p.account_id
    for update of p skip locked
), picked as (
    select q.id, p.account_id from paced p cross join lateral (
        select o.id from outbound o
        where o.account_id = p.account_id and o.state = 'pending' and o.due_at <= now()
          and not exists (
              select from outbound b where b.conversation_id = o.conversation_id and b.account_id = o.account_id
                and b.id < o.id and b.state in ('pending', 'claimed', 'wire') and b.due_at <= o.due_at + interval '1 hour'
                and not (b.attempt = 0 and b.due_at > o.due_at))
        order by o.due_at, o.id
        limit least(%(limit)s, 1 + floor(extract(epoch from clock_timestamp() - p.since) * p.per_second)::int)
        for update of o skip locked) q
), moved as (
    update pace p set next_at = c.since + make_interval(secs => c.n / c.per_second)
    from (select p.account_id, p.since, p.per_second, count(*) as n from paced p join picked k using (account_id) group by 1, 2, 3) c
    where p.account_id = c.account_id
)
update outbound o set state = 'claimed', attempt = o.attempt + 1, lease_until = clock_timestamp() + interval '60 seconds'
from picked k where o.id = k.id
returning o.id, o.interaction_id, o.conversation_id, o.account_id, o.attempt, o.payload, o.begun_at as created_at;

-- due: Whether anything waits to leave that may leave now.
select (select sending_frozen_since()) is null and exists (select from outbound o where o.state = 'pending' and o.due_at <= now()
    and not exists (select from pace p where p.account_id = o.account_id and p.next_at > clock_timestamp()));

-- next_due: Seconds until the next send that waits for its time, or for its number's.
select extract(epoch from least(
    (select min(due_at) from outbound where state = 'pending' and due_at > now()),
    (select min(p.next_at) from pace p where p.next_at > now()
        and exists (select from outbound o where o.account_id = p.account_id and o.state = 'pending' and o.due_at <= now()))
    ) - clock_timestamp());

-- wire: Cross the line after which the outcome may be unknown; only while the claim holds.
update outbound set state = 'wire', wire_at = clock_timestamp(), lease_until = clock_timestamp() + interval '120 seconds'
where (id, attempt) in (select * from unnest(%(ids)s::bigint[], %(attempts)s::int[])) and state = 'claimed' and (select sending_frozen_since()) is null
returning id, attempt;

-- expired: Claims whose worker is gone: before the wire they are tried again, after it the outcome is unknown.
select id, attempt, state from outbound
where state in ('claimed', 'wire') and lease_until < now()
order by id limit 500;

-- attachments: The files of a send.
select name, content_type, body, content_id, inline from attachment where interaction_id = %(interaction_id)s order by id;

-- attachment_ids: The files of a send, by id.
select id from attachment where interaction_id = %(interaction_id)s order by id;

-- stuck: Sends that wait for a person.
select o.id, o.state, o.error, o.conversation_id, o.interaction_id, o.created_at
from outbound o join conversation v on v.id = o.conversation_id
where o.state = 'unknown' and (%(sees_all)s or v.agent_id = %(viewer)s
    or v.queue_id in (select q.queue_id from agent_queue q where q.agent_id = %(viewer)s))
order by o.id limit %(limit)s;

-- conversation_of: Where a send belongs.
select conversation_id from outbound where id = %(id)s;

-- retry: A person decides to send again what is unknown or failed.
update outbound set state = 'pending', due_at = now(), begun_at = now(), error = null, rank = 0
where id = %(id)s and state in ('unknown', 'failed')
returning conversation_id, interaction_id;

-- settle: A person found that it did arrive.
update outbound set state = 'sent', rank = greatest(rank, 1), error = null, done_at = now()
where id = %(id)s and state = 'unknown'
returning conversation_id, interaction_id;

-- show_status: The status a person's decision leads to.
update interaction set status = %(status)s, error = null where id = %(id)s;

-- clear_failed: The conversation is red only while something in it did not leave.
update conversation v set failed = exists (
    select from outbound o where o.conversation_id = v.id and o.state in ('failed', 'unknown'))
where v.id = %(id)s;

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
  and not exists (select from outbound o where o.provider_id = %(provider_id)s and o.id <> %(id)s);

-- absent: The provider was asked and knows nothing of it: a person may send it again with a good conscience.
update outbound set error = %(words)s where id = %(id)s and state = 'unknown' and error is distinct from %(words)s
returning conversation_id, interaction_id;

-- show_error: What is known about a send, where people read.
update interaction set error = %(words)s where id = %(id)s;
