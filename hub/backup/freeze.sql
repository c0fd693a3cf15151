-- state: Whether sending is frozen, since when, why, and how many sends wait: those that may have left, and the others.
select s.frozen_at, s.reason, sending_frozen_since() is not null as frozen,
    (select count(*) from outbound o where o.state in ('pending', 'claimed') and o.id <= s.doubtful_to and o.due_at <= s.frozen_at) as doubtful,
    (select count(*) from outbound o where o.state in ('pending', 'claimed')
        and not coalesce(o.id <= s.doubtful_to and o.due_at <= s.frozen_at, false)) as waiting
from sending s;

-- notice: A copy of another database that nobody froze on purpose: freeze it, and remember which sends are in doubt.
with noticed as (
    update sending set identity = sending_identity(), frozen_at = clock_timestamp(), reason = %(reason)s,
        doubtful_to = coalesce((select max(id) from outbound), 0)
    where identity <> sending_identity()
    returning frozen_at
), given_back as (
    update outbound set state = 'pending', lease_until = null where state = 'claimed' and exists (select from noticed)
)
select frozen_at from noticed;

-- freeze: Nothing leaves from now on. After a restore what was there then is in doubt.
with frozen as (
    update sending set identity = sending_identity(), frozen_at = clock_timestamp(), reason = %(reason)s,
        doubtful_to = case when %(restored)s then coalesce((select max(id) from outbound), 0) else doubtful_to end
    where %(restored)s or frozen_at is null
    returning frozen_at
), given_back as (
    update outbound set state = 'pending', lease_until = null where state = 'claimed' and %(restored)s
)
select frozen_at from frozen;

-- locked: The state, locked against others who thaw.
select frozen_at, doubtful_to from sending where frozen_at is not null and identity = sending_identity() for update;

-- thaw: Everything may leave again.
update sending set frozen_at = null, reason = null, doubtful_to = 0;

-- doubtful: Sends that may have left although nothing here says so, after a given one.
select o.id, o.interaction_id, o.conversation_id, o.account_id, o.attempt, o.payload, o.begun_at as created_at
from outbound o, sending s
where o.state = 'pending' and o.id <= s.doubtful_to and o.due_at <= s.frozen_at and o.id > %(after)s
order by o.id limit %(limit)s;

-- listed: What waits, the oldest first, for a person.
select o.id, a.key as account, o.payload ->> 'to' as recipient, o.due_at, o.conversation_id,
    coalesce(o.id <= s.doubtful_to and o.due_at <= s.frozen_at, false) as doubtful
from outbound o join account a on a.id = o.account_id, sending s
where o.state in ('pending', 'claimed') order by o.id limit %(limit)s;

-- left: A send in doubt had left: the provider has it.
update outbound set state = 'sent', rank = greatest(rank, 1), provider_id = coalesce(provider_id, %(provider_id)s), error = null,
    done_at = coalesce(done_at, clock_timestamp()), lease_until = null
where id = %(id)s and state = 'pending'
  and not exists (select from outbound o where o.provider_id = %(provider_id)s and o.connector = outbound.connector and o.id <> %(id)s)
returning conversation_id, interaction_id;

-- unknown: Sends in doubt of which nobody knows better: for people to settle.
update outbound set state = 'unknown', error = %(words)s, wire_at = coalesce(wire_at, clock_timestamp()), lease_until = null
where id = any(%(ids)s) and state = 'pending'
returning conversation_id, interaction_id;

-- late_follow_ups: What was to be written to customers by itself, and whose time came before everything may leave again.
update follow_up set state = 'cancelled', ended_at = clock_timestamp(), reason = 'sending was frozen when it was due'
where state = 'scheduled' and due_at <= clock_timestamp() and kind = any(%(kinds)s)
returning id;

-- show: What people read of it.
update interaction set status = %(status)s, error = %(words)s where id = %(id)s;

-- alone_with: Nobody else looks at this message of the provider's until the transaction ends.
select pg_advisory_xact_lock(hashtextextended(%(provider_id)s, 0));
