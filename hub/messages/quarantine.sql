-- keep: Keep what could not be processed; the same key again changes nothing.
insert into raw (connector, account_id, dedup_key, content_type, body, file_id, state, reason, meta)
values (%(connector)s, %(account_id)s, %(dedup_key)s, %(raw_type)s, %(body)s, %(file_id)s, 'quarantined', %(reason)s, %(meta)s)
on conflict do nothing;

-- quarantined: The oldest in quarantine, without bodies.
select id, connector, account_id, dedup_key, content_type, reason, meta, null::bytea as body, null::bigint as file_id, received_at
from raw where state = 'quarantined' order by received_at limit %(limit)s;

-- quarantined_one: One in quarantine, whole.
select id, connector, account_id, dedup_key, content_type, reason, meta, body, file_id, received_at
from raw where state = 'quarantined' and id = %(id)s;

-- released: It was taken in under another key.
update raw set state = 'discarded', reason = 'replayed: ' || coalesce(reason, '') where id = %(id)s and state = 'quarantined';

-- discard: Put aside for good.
update raw set state = 'discarded' where id = %(id)s and state = 'quarantined';
