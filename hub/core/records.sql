-- lock_names: One change of names of one kind at a time, until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('names of ' || %(noun)s, 0));

-- history: What was done to one thing that administrators keep, the latest first.
select e.id, e.at, e.data ->> 'change' as change, coalesce(e.data -> 'before', '{}') as before, coalesce(e.data -> 'after', '{}') as after,
       case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as actor
from event e left join agent a on a.id = e.actor_id
where e.kind = 'config.record' and e.data ->> 'noun' = %(noun)s and e.data ->> 'record_id' = %(record_id)s
order by e.id desc limit %(limit)s;
