-- refused_send: Whom a send of ours went to that the provider refused for their wish.
select i.conversation_id, i.address_id, i.account_id, i.channel, a.value as address, o.id as outbound_id
from outbound o join interaction i on i.id = o.interaction_id join address a on a.id = i.address_id
where (%(outbound_id)s::bigint is not null and o.id = %(outbound_id)s)
   or (%(outbound_id)s::bigint is null and o.provider_id = %(provider_id)s and o.connector = %(connector)s)
limit 1;

-- stop_waiting: What waits to leave for an address stays here, and says why.
with stopped as (
    update outbound o set state = 'failed', done_at = clock_timestamp(), error = %(words)s, code = %(code)s, params = null
    from interaction i
    where o.state = 'pending' and i.id = o.interaction_id and i.address_id = %(address_id)s and i.channel <> 'email'
    returning o.interaction_id
)
update interaction i set status = 'failed', error = %(words)s from stopped s where i.id = s.interaction_id;

-- open_with: The open conversations with the person of an address: whoever has one on the screen is to know.
select v.id, a.value as address
from address a join contact c on c.id = a.contact_id join contact k on k.root_id = c.root_id
join conversation v on v.contact_id = k.id and v.status <> 'resolved'
where a.id = %(address_id)s order by v.id;

-- talking: Whether one of us talks with the customer: has the conversation, or wrote in it lately.
select v.agent_id is not null or exists (
    select from interaction i
    where i.conversation_id = v.id and i.direction = 'out' and i.kind = 'message' and not i.automatic
      and i.at > clock_timestamp() - interval '3 days')
from conversation v where v.id = %(id)s;

-- understood: What a message may have meant, it did mean.
update interaction set meta = jsonb_set(meta, '{consent}', '"stop"') where raw_id = %(raw_id)s and meta ->> 'consent' = 'perhaps';

-- asks_nothing: A message is nobody's work after all.
update interaction set automatic = true where raw_id = %(raw_id)s and not automatic;
