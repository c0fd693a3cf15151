-- contacts: Contacts (their roots), with addresses and links. What a visitor said of their mail address: in their latest messages.
select r.id, r.name, r.locale, r.timezone, r.attributes, r.created_at,
       coalesce((select jsonb_agg(jsonb_build_object('id', a.id, 'kind', a.kind, 'value', case when a.value ~ '^\+' then coalesce(a.reported, a.value) else a.value end,
                 'verified', a.verified_at is not null, 'opted_out', a.opted_out_at is not null) order by a.id)
                 from contact k join address a on a.contact_id = k.id where k.root_id = r.id), '[]') as addresses,
       coalesce((select jsonb_agg(jsonb_build_object('id', k.id, 'name', coalesce(nullif(k.name, ''), (select a.value from address a
                 where a.contact_id = k.id and a.kind <> 'visitor' order by a.id limit 1), ''), 'link_id', l.id, 'linked_at', l.linked_at,
                 'linked_by', case when g.id is not null then jsonb_build_object('id', g.id, 'name', g.name) end) order by l.id)
                 from contact_link l join contact k on k.id = l.contact_id left join agent g on g.id = l.linked_by
                 where k.root_id = r.id and l.undone_at is null), '[]') as linked,
       (select count(*) from contact k join conversation v on v.contact_id = k.id where k.root_id = r.id and v.status <> 'resolved')::int
           as open_conversations,
       coalesce((select jsonb_agg(distinct lower(i.email))
                 from contact k join address a on a.contact_id = k.id and a.kind = 'visitor'
                 cross join lateral (
                     select i.meta ->> 'email' as email, i.direction from interaction i
                     where i.address_id = a.id and i.channel = 'chat' and i.kind = 'message' order by i.id desc limit 500) i
                 where k.root_id = r.id and i.direction = 'in' and coalesce(i.email, '') <> '' and not exists (
                     select from contact o join address m on m.contact_id = o.id
                     where o.root_id = r.id and m.kind = 'email' and m.value = lower(i.email))), '[]') as said
from unnest(%(ids)s::bigint[]) with ordinality as w (id, n)
join contact c on c.id = w.id
join contact r on r.id = c.root_id
order by w.n;

-- newest: Roots, the newest first; the cursor is the last id seen.
select r.id from contact r
where r.id = r.root_id and (%(cursor)s::bigint is null or r.id < %(cursor)s)
order by r.id desc limit %(limit)s;

-- update: What a person knows better than the machine.
update contact set name = coalesce(%(name)s, name), locale = coalesce(%(locale)s, locale),
    timezone = coalesce(%(timezone)s, timezone), attributes = jsonb_strip_nulls(attributes || coalesce(%(attributes)s::jsonb, '{}'))
where id = (select root_id from contact where id = %(id)s) returning id;

-- lock_pair: Two contacts and their roots, locked in order of id.
select id, root_id from contact where id = any(%(ids)s) order by id for update;

-- root: The record that stands for a contact.
select root_id from contact where id = %(id)s;

-- set_merged: A root is linked into another.
update contact set merged_into = %(into_id)s where id = %(id)s and merged_into is null and root_id = id;

-- move_root: Everybody below one root stands under another now.
update contact set root_id = %(to_id)s where root_id = %(from_id)s;

-- new_link: Who linked whom, when.
insert into contact_link (contact_id, into_id, linked_by) values (%(contact_id)s, %(into_id)s, %(agent_id)s) returning id;

-- undo_link: The link ends; only once.
update contact_link set undone_at = now(), undone_by = %(agent_id)s
where id = %(link_id)s and undone_at is null returning contact_id, into_id;

-- clear_merged: The linked record stands alone again.
update contact set merged_into = null where id = %(id)s;

-- restore_root: The record and all that was linked below it stand under it again.
with recursive below as (
    select id from contact where id = %(id)s
    union all
    select c.id from contact c join below b on c.merged_into = b.id
)
update contact set root_id = %(id)s where id in (select id from below);

-- own_number: Whose a number is: this contact's, if it was nobody's.
insert into phone_person as p (number, contact_id) values (%(value)s, %(contact_id)s)
on conflict (number) do update set contact_id = case when exists (select from contact c where c.id = p.contact_id)
    then p.contact_id else excluded.contact_id end
returning (select c.root_id from contact c where c.id = contact_id);

-- add_address: One more way to reach somebody; taken ones stay where they are.
insert into address (contact_id, kind, value, reported)
values ((select root_id from contact where id = %(contact_id)s), %(kind)s, %(value)s, %(reported)s)
on conflict (kind, value) do nothing returning id;

-- address_owner: Whose address it is.
select c.root_id from address a join contact c on c.id = a.contact_id where a.kind = %(kind)s and a.value = %(value)s;

-- find_or_add: The address of somebody we write to first.
with made as (
    insert into address as a (contact_id, kind, value, reported)
    values (coalesce(person_of(%(kind)s, %(value)s, null), nextval('contact_id_seq')), %(kind)s,
            known_as(%(kind)s, %(value)s, %(value)s), %(reported)s)
    on conflict (kind, value) do update set value = excluded.value
    returning a.id, a.contact_id, (xmax = 0) as created
), fresh as (
    insert into contact (id, root_id, name) overriding system value
    select contact_id, contact_id, %(name)s from made where created
    on conflict (id) do nothing -- known by another way already
)
select id, contact_id, created from made;

-- timeline: Everything said with a person, newest first, across linked records and channels, as far as the viewer may see: which
-- it is of each record, merged, and then each by its key.
with shown as materialized (
    select i.id from contact c
    join contact k on k.root_id = c.root_id
    cross join lateral (
        select n.id from ( -- out of the index alone: what was said on other channels is not looked at
            select n.id from interaction n
            where n.contact_id = k.id and (%(cursor)s::bigint is null or n.id < %(cursor)s)
              and (%(channel)s::text is null or n.channel = %(channel)s)
            order by n.id desc offset 0
        ) n
        cross join lateral (
            select i.id, i.conversation_id from interaction i where i.id = n.id and i.kind <> 'system' and i.status <> 'cancelled' offset 0
        ) i
        where %(sees_all)s or exists (
              select from conversation v where v.id = i.conversation_id
                  and may_see(v.id, v.agent_id, v.queue_id, %(viewer)s, %(sees_all)s, %(queues)s, %(offered)s) offset 0)
        order by n.id desc limit %(limit)s
    ) i
    where c.id = %(id)s
    order by i.id desc limit %(limit)s
)
select x.*, v.subject as conversation_subject, rating_shown(v.id) as conversation_rating
from shown s
cross join lateral (select x.* from interaction_shown x where x.id = s.id offset 0) x
cross join lateral (select v.id, v.subject from conversation v where v.id = x.conversation_id offset 0) v
order by x.id desc;
