-- ask: Something a provider shall do, once per key.
insert into call_command (call_id, leg_id, key, kind, data)
values (%(call_id)s, %(leg_id)s, %(key)s, %(kind)s, %(data)s)
on conflict (key) do nothing;

-- claim: Due commands, the oldest of each call first, ours for half a minute.
with due as (
    select m.id from call_command m
    where m.state = 'pending' and m.due_at <= clock_timestamp()
      and coalesce(m.created_at > (select sending_frozen_since()), true) -- no call of a restored backup's is made again
      and not exists (select from call_command b where b.call_id = m.call_id and b.id < m.id
                      and b.state in ('pending', 'claimed', 'wire') and b.leg_id is not distinct from m.leg_id)
    order by m.due_at, m.id limit %(limit)s for update of m skip locked
), mine as (
    update call_command m set state = 'claimed', attempt = m.attempt + 1, lease_until = clock_timestamp() + interval '30 seconds'
    from due where m.id = due.id
    returning m.id, m.call_id, m.leg_id, m.kind, m.data, m.attempt
)
select m.id, m.call_id, m.leg_id, m.kind, m.data, m.attempt, c.account_id, c.our_number, l.external_id, l.endpoint
from mine m join call c on c.id = m.call_id left join call_leg l on l.id = m.leg_id;

-- wire: From here on it may have happened; only while the claim holds.
update call_command set state = 'wire' where id = %(id)s and attempt = %(attempt)s and state = 'claimed' returning id;

-- done: What became of it.
update call_command set state = %(state)s, error = %(error)s, lease_until = null,
    due_at = clock_timestamp() + make_interval(secs => %(seconds)s),
    done_at = case when %(state)s <> 'pending' then clock_timestamp() end
where id = %(id)s and attempt = %(attempt)s and state in ('claimed', 'wire') returning id;

-- expired: Claims whose process is gone.
select id, call_id, leg_id, kind, state, attempt from call_command
where state in ('claimed', 'wire') and lease_until < clock_timestamp() order by id limit 100;

-- overtaken: A leg that has ended needs nothing any more.
update call_command m set state = 'cancelled', done_at = clock_timestamp()
from call_leg l where l.id = m.leg_id and l.ended_at is not null and m.state = 'pending';
