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

-- people: The people that contacts belong to, with all their names and addresses, and what their own fields say.
select r.id, (
    select string_agg(concat_ws(' ', k.name, (
        select string_agg(concat_ws(' ', a.value, a.number, a.reported), ' ') from address a
        where a.contact_id = k.id and a.kind <> 'visitor')), ' ')
    from contact k where k.root_id = r.id) as text,
    (select string_agg(f.value, ' ') from contact k cross join lateral jsonb_each_text(k.attributes) f
     where k.root_id = r.id and f.value not in ('true', 'false')) as fields
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

-- other_version: Whether the words that are kept were made otherwise than this hub makes them; from now on they count as its own.
with kept as (
    insert into meta as m (key, value) values ('search.version', to_jsonb(%(version)s::int))
    on conflict (key) do update set value = excluded.value where m.value <> excluded.value
    returning true
)
select exists (select from kept) and exists (select from search_doc);

-- from_the_beginning: The log is read again.
update event_cursor set xid = '0', id = 0 where reader = %(reader)s;

-- people_from_the_beginning: And everybody.
delete from meta where key = 'search.contacts';

-- find_people: The newest people who have all the words; who has them whole before who has them begun.
select s.id, s.id as hit, (s.words @@ %(exactly)s::tsquery)::int::float8 as rank from search_contact s
where s.words @@ %(q)s::tsquery and (%(before)s::bigint is null or s.id < %(before)s)
order by s.id + 0 desc limit %(block)s;

-- newest_person: The last record there is.
select max(id) from search_contact;

-- find_said: Conversations in which something says it, the latest message that does first; as far as the viewer may see them.
-- Of its messages the one that has the words whole is the best, and such a conversation comes before those that only begin them.
-- What has the words is taken out of the index first: where else it could begin (with a queue, an agent) reads far more.
with docs as materialized (
    select d.id, d.conversation_id, d.words @@ %(exactly)s::tsquery as whole from search_doc d
    where d.words @@ %(q)s::tsquery and (%(before)s::bigint is null or d.id < %(before)s)
), found as materialized (
    select d.conversation_id as id, max(d.id) as hit, bool_or(d.whole) as whole,
           coalesce(max(d.id) filter (where d.whole), max(d.id)) as best
    from docs d
    cross join lateral (
        select v.id, v.contact_id from conversation v
        where v.id = d.conversation_id
          and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s)
          and case %(view)s
                when 'mine' then v.agent_id = %(viewer)s and v.status = 'open'
                when 'waiting' then v.status = 'open' and v.agent_id is null and exists (
                    select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' and e.state in ('waiting', 'offered') offset 0)
                when 'snoozed' then v.status = 'snoozed'
                when 'resolved' then v.status = 'resolved'
                else true end
          and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
          and (%(channel)s::text is null or v.channel = %(channel)s)
          and (%(agent_id)s::bigint is null or v.agent_id = %(agent_id)s)
          and (%(status)s::text is null or v.status = %(status)s)
          and (%(language)s::text is null or exists (
              select from contact c where c.id = v.contact_id
                and (lower(c.locale) = %(language)s or lower(c.locale) like %(language)s || '-%%') offset 0))
        offset 0
    ) v
    where ((%(since)s::timestamptz is null and %(until)s::timestamptz is null) or exists (
          select from interaction i where i.id = d.id
            and i.at >= coalesce(%(since)s::timestamptz, '-infinity') and i.at < coalesce(%(until)s::timestamptz, 'infinity') offset 0))
      and (%(before)s::bigint is null or ( -- in a later block: what was not in those before
          not exists (
              select from search_doc n where n.conversation_id = v.id and n.id >= %(before)s and n.words @@ %(all)s::tsquery
                and ((%(since)s::timestamptz is null and %(until)s::timestamptz is null) or exists (
                    select from interaction i where i.id = n.id
                      and i.at >= coalesce(%(since)s::timestamptz, '-infinity') and i.at < coalesce(%(until)s::timestamptz, 'infinity') offset 0)))
          and not exists (select from contact c where c.id = v.contact_id and c.root_id = any(%(whose)s) offset 0)))
    group by 1 order by 2 desc limit %(block)s
)
select f.id, f.hit, f.best, -- below 1, which is the least of those who are found by who they are
       (f.whole::int + (ts_rank_cd('{0.1, 0.3, 0.6, 1.0}', s.words, %(all)s::tsquery, 32)
           + 0.3 / (1 + greatest(0, extract(epoch from date_trunc('day', now()) - i.at)) / 2592000)) / 1.3)::float8 / 2 as rank
from found f
cross join lateral (select s.words from search_doc s where s.id = f.best offset 0) s
cross join lateral (select i.at from interaction i where i.id = f.best offset 0) i
order by f.hit desc;

-- find_theirs: Conversations of people whose names or addresses say it, by their latest message; as far as the viewer may see them.
select v.id, i.id as hit, true as theirs,
       1 + p.exact::int + 0.3 / (1 + greatest(0, extract(epoch from date_trunc('day', now()) - i.at)) / 2592000)::float8 as rank
from (select s.id, s.words @@ %(exactly)s::tsquery as exact from search_contact s where s.id = any(%(whose)s)) p
join contact c on c.root_id = p.id
cross join lateral (
    select v.id from conversation v
    where v.contact_id = c.id
      and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s)
      and case %(view)s
            when 'mine' then v.agent_id = %(viewer)s and v.status = 'open'
            when 'waiting' then v.status = 'open' and v.agent_id is null and exists (
                select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' and e.state in ('waiting', 'offered') offset 0)
            when 'snoozed' then v.status = 'snoozed'
            when 'resolved' then v.status = 'resolved'
            else true end
      and (%(queue_id)s::bigint is null or v.queue_id = %(queue_id)s)
      and (%(channel)s::text is null or v.channel = %(channel)s)
      and (%(agent_id)s::bigint is null or v.agent_id = %(agent_id)s)
      and (%(status)s::text is null or v.status = %(status)s)
      and (%(language)s::text is null or lower(c.locale) = %(language)s or lower(c.locale) like %(language)s || '-%%')
    order by v.created_at desc limit 300
) v
cross join lateral (
    select i.id, i.at from interaction i
    where i.conversation_id = v.id
      and i.at >= coalesce(%(since)s::timestamptz, '-infinity') and i.at < coalesce(%(until)s::timestamptz, 'infinity')
    order by i.seq desc limit 1
) i
where %(before)s::bigint is null or i.id < %(before)s
order by 2 desc limit %(block)s;

-- find_number: A conversation by its number, as far as the viewer may see it.
select v.id, 0 as hit, 100::float8 as rank from conversation v
where v.id = %(id)s and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s);

-- shown: What was found, to be shown with the words marked: subject, text, files, and who the customer is.
select h.id, i.id as interaction_id, coalesce(nullif(i.subject, ''), v.subject) as subject,
       left(coalesce(i.meta ->> 'full_text', i.text, ''), 200000) as text,
       coalesce((select string_agg(f.name, ', ') from attachment f where f.interaction_id = i.id), '') as files,
       (select concat_ws(' ', nullif(r.name, ''), (
            select string_agg(coalesce(a.reported, a.value), ' ') from contact k join address a on a.contact_id = k.id
            where k.root_id = r.id and a.kind <> 'visitor'),
            (select string_agg(f.value, ' ') from contact k cross join lateral jsonb_each_text(k.attributes) f where k.root_id = r.id))
        from contact r where r.id = c.root_id) as customer
from unnest(%(ids)s::bigint[], %(hits)s::bigint[]) as h (id, hit)
join conversation v on v.id = h.id
join contact c on c.id = v.contact_id
left join interaction i on i.id = h.hit;
