-- decisions: The oldest of the router's decisions, with those of work that is not over passed over.
select d.id from decision d
where d.id > %(after)s and d.at < clock_timestamp() - make_interval(days => %(days)s)
  and d.id <= (select max(n.id) from (select o.id from decision o where o.id > %(after)s order by o.id limit %(page)s) n)
  and not exists (select from queue_entry e where e.id = d.entry_id and e.state <> 'closed')
order by d.id;

-- offers: The oldest offers, with those of work that is not over passed over.
select f.id from offer f
where f.id > %(after)s and f.offered_at < clock_timestamp() - make_interval(days => %(days)s) and f.state <> 'offered'
  and f.id <= (select max(n.id) from (select o.id from offer o where o.id > %(after)s order by o.id limit %(page)s) n)
  and not exists (select from queue_entry e where e.id = f.entry_id and e.state <> 'closed')
order by f.id;

-- deliveries: The oldest delivery reports; what they said is on the messages.
select y.id from delivery y
where y.id > %(after)s and y.received_at < clock_timestamp() - make_interval(days => %(days)s)
  and y.id <= (select max(n.id) from (select o.id from delivery o where o.id > %(after)s order by o.id limit %(page)s) n)
order by y.id;

-- originals: The oldest messages as they came that still have their bytes, but for what proves a consent.
select r.id from raw r
where r.id > %(after)s and r.received_at < clock_timestamp() - make_interval(days => %(days)s) and r.state = 'accepted'
  and r.id <= (select max(n.id) from (select o.id from raw o where o.id > %(after)s order by o.id limit %(page)s) n)
  and (r.body is not null or r.file_id is not null)
  and not exists (select from consent c where c.raw_id = r.id)
order by r.id;

-- page_decisions: Where the next page ends, and whether all of it is old enough.
select max(id) as last, bool_and(at < clock_timestamp() - make_interval(days => %(days)s)) as old
from (select id, at from decision where id > %(after)s order by id limit %(page)s) n;

-- page_offers: Where the next page ends, and whether all of it is old enough.
select max(id) as last, bool_and(offered_at < clock_timestamp() - make_interval(days => %(days)s)) as old
from (select id, offered_at from offer where id > %(after)s order by id limit %(page)s) n;

-- page_deliveries: Where the next page ends, and whether all of it is old enough.
select max(id) as last, bool_and(received_at < clock_timestamp() - make_interval(days => %(days)s)) as old
from (select id, received_at from delivery where id > %(after)s order by id limit %(page)s) n;

-- page_originals: Where the next page ends, and whether all of it is old enough.
select max(id) as last, bool_and(received_at < clock_timestamp() - make_interval(days => %(days)s)) as old
from (select id, received_at from raw where id > %(after)s order by id limit %(page)s) n;

-- drop_decisions: They are not kept any longer.
delete from decision where id = any(%(ids)s);

-- drop_offers: They are not kept any longer.
delete from offer where id = any(%(ids)s);

-- drop_deliveries: They are not kept any longer.
delete from delivery where id = any(%(ids)s);

-- drop_originals: Their bytes are not kept any longer; that they came is, so that none is taken in twice.
update raw set body = null, file_id = null where id = any(%(ids)s);

-- reached: Up to which message the bytes have gone before.
select coalesce((select (value ->> 0)::bigint from meta where key = 'retention.originals'), 0);

-- remember: The bytes have gone up to this message.
insert into meta (key, value) values ('retention.originals', jsonb_build_array(%(after)s::bigint))
on conflict (key) do update set value = excluded.value;

-- full_of_holes: Whether autovacuum has to come by first.
select coalesce(n_dead_tup > 100000 + n_live_tup / 4, false) from pg_stat_user_tables
where schemaname = 'public' and relname = %(relation)s;

-- sizes: How large each kind is, with its indexes; the largest first.
select k.kind, sum(pg_total_relation_size(('public.' || k.relation)::regclass))::bigint as bytes
from (values ('messages', 'interaction'), ('messages', 'page'), ('originals', 'raw'), ('files', 'attachment'), ('files', 'chat_upload'),
             ('recordings', 'call_recording'), ('log', 'event'), ('index of words', 'search_doc'),
             ('index of words', 'search_contact'), ('decisions', 'decision'), ('decisions', 'offer'), ('deliveries', 'delivery'),
             ('conversations', 'conversation'), ('sends', 'outbound'), ('queue', 'queue_entry')) k (kind, relation)
group by k.kind order by 2 desc;
