-- Takes due sends for one worker, so that no account and no recipient domain keeps others from leaving.
--
-- `seats` says of accounts, by id, how many more sends of each the worker can have in flight (`room`), how many of them
-- to one domain (`lane_room`), how many are there already by domain (`lanes`), and after which domain to go on (`after`);
-- others have `room_else`. Accounts come in random order and domains in turn, each with its oldest sends. In one
-- conversation and account order is kept: a send waits for the one before it, unless that is meant to leave much later.
-- A number with a bounded rate sends as many as that allows now, the pause of the last second made good. An account in
-- trouble sends one when its next try is due (`probe`), and nobody else tries before that is over.
--
-- A row with `id` 0 says up to which domain an account was looked through: there go on the next time.
create function outbound_claim(connectors text[], others boolean, seats jsonb, room_else int, most int, lease_seconds float8)
returns table (id bigint, interaction_id bigint, conversation_id bigint, account_id bigint, attempt int, payload jsonb,
               created_at timestamptz, lane text, probe boolean)
language plpgsql
set enable_seqscan = off -- look-ups by key, whatever was planned while the outbox was empty
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
    place   record;
    rate    pace;
    since   timestamptz;
    trying  boolean;
    room    int;
    wide    int;
    lane_at text;
    wrapped boolean;
    ids     bigint[];
    mine    bigint[];
    probes  bigint[] := '{}';
    claimed bigint[] := '{}';
    left_   int := most;
begin
    if sending_frozen_since() is not null then -- as after a restore: until somebody has looked
        return;
    end if;
    for place in
        select x.id, coalesce((s.said ->> 'room')::int, room_else) as room, coalesce(s.said ->> 'after', '') as after,
               coalesce((s.said ->> 'lane_room')::int, room_else) as lane_room, coalesce(s.said -> 'lanes', '{}') as lanes
        from account x
        cross join lateral (select seats -> x.id::text as said) s
        where (connectors is null or (x.connector = any(connectors)) <> others)
          and exists (select from outbound o where o.account_id = x.id and o.state = 'pending' and o.due_at <= now() offset 0)
        order by random()
    loop
        exit when left_ <= 0;
        room := least(place.room, left_);
        continue when room <= 0;

        trying := exists (select from account_trouble t where t.account_id = place.id);
        if trying then
            perform from account_trouble t where t.account_id = place.id and t.next_at <= clock_timestamp() for update skip locked;
            continue when not found;
            room := 1;
        end if;
        rate := null;
        if exists (select from pace p where p.account_id = place.id) then
            select p.* into rate from pace p
            where p.account_id = place.id and p.next_at <= clock_timestamp() for update skip locked;
            continue when not found;
            since := greatest(rate.next_at, clock_timestamp() - interval '1 second');
            room := least(room, 1 + floor(extract(epoch from clock_timestamp() - since) * rate.per_second)::int);
        end if;

        mine := '{}';
        lane_at := place.after;
        wrapped := false;
        for turns in 1 .. 64 loop
            select outbound_lane(o.payload) into lane_at from outbound o
            where o.account_id = place.id and o.state = 'pending' and outbound_lane(o.payload) > lane_at
            order by outbound_lane(o.payload) limit 1;
            if not found then
                exit when wrapped;
                wrapped := true;
                select outbound_lane(o.payload) into lane_at from outbound o
                where o.account_id = place.id and o.state = 'pending'
                order by outbound_lane(o.payload) limit 1;
                exit when not found;
            end if;
            exit when wrapped and lane_at > place.after;
            wide := least(room - cardinality(mine), place.lane_room - coalesce((place.lanes ->> lane_at)::int, 0));
            if wide > 0 then
                with due as (
                    select o.id from outbound o
                    where o.account_id = place.id and o.state = 'pending' and outbound_lane(o.payload) = lane_at
                      and o.due_at <= now()
                      and not exists (
                          select from outbound b where b.conversation_id = o.conversation_id and b.account_id = o.account_id
                            and b.id < o.id and b.state in ('pending', 'claimed', 'wire') and b.due_at <= o.due_at + interval '1 hour'
                            and not (b.attempt = 0 and b.due_at > o.due_at)) -- what is meant to leave later holds up nobody
                    order by o.due_at, o.id
                    limit wide
                    for update of o skip locked
                ), moved as (
                    update outbound o set state = 'claimed', attempt = o.attempt + 1,
                        lease_until = clock_timestamp() + make_interval(secs => lease_seconds)
                    from due where o.id = due.id
                    returning o.id
                )
                select array_agg(m.id) into ids from moved m;
                mine := mine || coalesce(ids, '{}');
            end if;
            exit when cardinality(mine) >= room;
        end loop;
        if lane_at <> '' then
            return query select 0::bigint, 0::bigint, 0::bigint, place.id, 0, '{}'::jsonb, clock_timestamp(), lane_at, false;
        end if;
        continue when mine = '{}';

        if trying then
            update account_trouble t set next_at = clock_timestamp() + interval '60 seconds' where t.account_id = place.id;
            probes := probes || mine;
        end if;
        if rate.account_id is not null then
            update pace p set next_at = since + make_interval(secs => cardinality(mine) / rate.per_second) where p.account_id = place.id;
        end if;
        claimed := claimed || mine;
        left_ := left_ - cardinality(mine);
    end loop;

    return query
    select o.id, o.interaction_id, o.conversation_id, o.account_id, o.attempt, o.payload, o.begun_at,
           outbound_lane(o.payload), o.id = any(probes)
    from unnest(claimed) as c (id) join outbound o on o.id = c.id
    order by o.due_at, o.id;
end $$;
