-- complained: The message of ours that a complaint names, and whom it went to.
select i.conversation_id, i.address_id, a.value as address
from outbound o join interaction i on i.id = o.interaction_id join address a on a.id = i.address_id
where o.id = %(outbound_id)s or (%(outbound_id)s::bigint is null and o.id = (
    select x.id from outbound x join interaction y on y.id = x.interaction_id
    where y.external_id = %(provider_id)s and y.direction = 'out' limit 1));
