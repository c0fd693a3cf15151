-- unsubscribe: The owner of the address wants no more of what goes to many.
update address set opted_out_at = now() where id = %(id)s and opted_out_at is null returning contact_id;

-- cancel_bulk: What of it waits to leave stays here.
with stopped as (
    update outbound set state = 'cancelled', done_at = now(), error = 'unsubscribed'
    where state = 'pending' and (payload ->> 'unsubscribe')::bigint = %(id)s
    returning interaction_id
)
update interaction i set status = 'cancelled' from stopped s where i.id = s.interaction_id;

-- apply: What holds for an address now; nothing when it held before.
update address set opted_out_at = case when %(wanted)s then null else clock_timestamp() end
where id = %(address_id)s and (opted_out_at is null) <> %(wanted)s;

-- write: One more line in the ledger; the same bytes or the same refused send are one.
insert into consent (address_id, account_id, channel, wanted, source, detail, raw_id, outbound_id, agent_id)
values (%(address_id)s, %(account_id)s, %(channel)s, %(wanted)s, %(source)s, %(detail)s, %(raw_id)s, %(outbound_id)s, %(agent_id)s)
on conflict do nothing;

-- history: What was said about a customer's addresses, the latest first.
select c.at, c.address_id, coalesce(a.number, a.value) as address, c.wanted, c.channel, c.source, c.detail, t.name as account,
       case when g.id is not null then jsonb_build_object('id', g.id, 'name', g.name) end as agent
from contact w
join contact k on k.root_id = w.root_id
join address a on a.contact_id = k.id
join consent c on c.address_id = a.id
left join account t on t.id = c.account_id
left join agent g on g.id = c.agent_id
where w.id = %(contact_id)s order by c.id desc limit 200;

-- channel_of: Which channel an address is for, if it is that contact's.
select case a.kind when 'phone' then 'sms' else a.kind end
from address a join contact k on k.id = a.contact_id join contact c on c.root_id = k.root_id
where a.id = %(address_id)s and c.id = %(contact_id)s;
