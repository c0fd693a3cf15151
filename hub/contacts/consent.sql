-- unsubscribe: The owner of the address wants no more of what goes to many.
update address set opted_out_at = now() where id = %(id)s and opted_out_at is null returning contact_id;

-- cancel_bulk: What of it waits to leave stays here.
with stopped as (
    update outbound set state = 'cancelled', done_at = now(), error = 'unsubscribed'
    where state = 'pending' and (payload ->> 'unsubscribe')::bigint = %(id)s
    returning interaction_id
)
update interaction i set status = 'cancelled' from stopped s where i.id = s.interaction_id;
