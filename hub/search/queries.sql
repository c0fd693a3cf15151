-- news: What the next events change in what is searched, and the last one read.
with batch as materialized (
    select xid, id, at, kind, contact_id, conversation_id, conversation_seq, agent_id, agent_seq, queue_id, actor_id, data,
           row_number() over (order by xid, id)::int as number
    from event
    where (xid, id) > (%(xid)s::text::xid8, %(id)s) and xid < (select log_horizon(pg_current_snapshot()))
    order by xid, id
    limit %(limit)s
)
select b.xid::text as xid, b.id, b.at, b.kind, b.contact_id, b.conversation_id, b.conversation_seq, b.agent_id, b.agent_seq,
       b.queue_id, b.actor_id, b.data, b.number, w.wanted
from batch b cross join lateral (
    select b.kind = 'interaction.created' or b.kind like 'contact.%%' or (b.kind = 'interaction.updated' and b.data ? 'media') as wanted) w
where w.wanted or b.number = (select max(number) from batch)
order by b.number;

-- texts: What messages say: subject, words, and the names of their files.
select i.id, i.conversation_id, i.contact_id, i.subject, coalesce(i.meta ->> 'full_text', i.text) as text,
       coalesce((select string_agg(f.name, ' ') from attachment f where f.interaction_id = i.id), '') as files
from interaction i where i.id = any(%(ids)s) and i.kind <> 'system';

-- put_docs: Messages as they are searched.
insert into search_doc (id, conversation_id, words)
select d.id, d.conversation_id, d.words::tsvector
from unnest(%(ids)s::bigint[], %(conversations)s::bigint[], %(words)s::text[]) as d (id, conversation_id, words)
order by d.id
on conflict (id) do update set words = excluded.words;

-- people: The people that contacts belong to, with all their names and addresses.
select r.id, (
    select string_agg(concat_ws(' ', k.name, (
        select string_agg(concat_ws(' ', a.value, a.number, a.reported), ' ') from address a
        where a.contact_id = k.id and a.kind <> 'visitor')), ' ')
    from contact k where k.root_id = r.id) as text
from (select distinct c.root_id as id from contact c where c.id = any(%(ids)s)) r;

-- link_ends: Both whom links join, or joined.
select unnest(array[contact_id, into_id]) as id from contact_link where id = any(%(ids)s);

-- put_people: People as they are searched; what has not changed is not written.
insert into search_contact as s (id, words)
select d.id, d.words::tsvector from unnest(%(ids)s::bigint[], %(words)s::text[]) as d (id, words) order by d.id
on conflict (id) do update set words = excluded.words where s.words <> excluded.words;

-- drop_people: Records that do not stand for themselves any more.
delete from search_contact s using contact c where c.id = s.id and c.root_id <> c.id and c.id = any(%(ids)s);

-- unindexed: The next people that no event has named yet: how far the first reading of all came, and who is next.
select c.id from contact c
where c.id > coalesce((select (m.value)::bigint from meta m where m.key = 'search.contacts'), 0)
order by c.id limit %(limit)s;

-- reached: How far that reading came.
insert into meta (key, value) values ('search.contacts', to_jsonb(%(id)s::bigint))
on conflict (key) do update set value = excluded.value;

-- find_people: People by their words, the newest first.
select s.id from search_contact s
where s.words @@ %(q)s::tsquery and (%(cursor)s::bigint is null or s.id < %(cursor)s)
order by s.id + 0 desc limit %(limit)s;

-- find_said: Conversations in which something says it, the latest message that does first; as far as the viewer may see them.
select v.id, max(d.id) as hit
from search_doc d
join conversation v on v.id = d.conversation_id
where d.words @@ %(q)s::tsquery
  and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s)
  and case %(view)s
        when 'mine' then v.agent_id = %(viewer)s and v.status = 'open'
        when 'waiting' then v.status = 'open' and v.agent_id is null and exists (
            select from queue_entry e where e.conversation_id = v.id and e.state in ('waiting', 'offered'))
        when 'snoozed' then v.status = 'snoozed'
        when 'resolved' then v.status = 'resolved'
        else true end
  and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
  and (%(channel)s::text is null or v.channel = %(channel)s)
  and (%(before)s::bigint is null or (d.id < %(before)s -- on a later page: what was not on those before
      and not exists (select from search_doc n where n.conversation_id = v.id and n.id >= %(before)s and n.words @@ %(all)s::tsquery)
      and not exists (select from contact c join search_contact s on s.id = c.root_id
                      where c.id = v.contact_id and s.words @@ %(all)s::tsquery)))
group by v.id
order by 2 desc limit %(limit)s;

-- find_theirs: Conversations of people whose names or addresses say it, by their latest message; as far as the viewer may see them.
with people as materialized (
    select s.id from search_contact s where s.words @@ %(q)s::tsquery order by s.id + 0 desc limit 200
)
select v.id, i.id as hit
from people p
join contact c on c.root_id = p.id
cross join lateral (
    select v.id, v.interaction_seq from conversation v
    where v.contact_id = c.id
      and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s)
      and case %(view)s
            when 'mine' then v.agent_id = %(viewer)s and v.status = 'open'
            when 'waiting' then v.status = 'open' and v.agent_id is null and exists (
                select from queue_entry e where e.conversation_id = v.id and e.state in ('waiting', 'offered'))
            when 'snoozed' then v.status = 'snoozed'
            when 'resolved' then v.status = 'resolved'
            else true end
      and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
      and (%(channel)s::text is null or v.channel = %(channel)s)
    order by v.created_at desc limit 300
) v
cross join lateral (select i.id from interaction i where i.conversation_id = v.id order by i.seq desc limit 1) i
where %(before)s::bigint is null or i.id < %(before)s
order by 2 desc limit %(limit)s;

-- find_number: A conversation by its number, as far as the viewer may see it.
select v.id, 9223372036854775807 as hit from conversation v
where v.id = %(id)s and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s);
