-- A name as people read it who choose by it: case and spaces make no other.
create function name_as_read(name text) returns text language sql immutable as $$
    select lower(btrim(regexp_replace(name, '\s+', ' ', 'g')))
$$;

-- The shapes that every face of the hub shows, defined once: the REST API, the sockets and the workers read these.
-- What a customer is called: their name, else the number or address they wrote from. Empty for a visitor without a name.
create function contact_label(root bigint, name text) returns text language sql stable as $$
    select coalesce(nullif(name, ''), (
        select case when a.value ~ '^\+' then coalesce(a.reported, a.value) else a.value end from contact c join address a on a.contact_id = c.id
        where c.root_id = root and a.kind <> 'visitor' order by a.id limit 1), '')
$$;

-- What the customer said of a conversation; null: nothing.
create function rating_shown(conversation bigint) returns jsonb language sql stable as $$
    select jsonb_build_object('score', r.score, 'comment', r.comment, 'at', r.at,
               'agent', case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end)
    from rating r left join agent a on a.id = r.agent_id where r.conversation_id = conversation
$$;

-- Whether answers go where a mail asks for them (Reply-To): if its sender is proved, if one of us said so, or if it began
-- a matter and nobody has ever answered that sender elsewhere. Who has written without such a wish is answered where they
-- wrote from: their From is easily forged, and the answer would go to the thief. Forms name another customer each time.
create function reply_to_counts(i interaction) returns boolean language sql stable as $$
    select i.meta ? 'reply_to' and (i.verified or i.meta ? 'reply_to_taken' or (
        not exists (select from interaction e where e.conversation_id = i.conversation_id and e.kind = 'message' and e.seq < i.seq)
        and not exists (
            select from interaction e join address a on a.id = e.address_id
            where e.contact_id = i.contact_id and e.direction = 'in' and e.id < i.id
              and coalesce(lower(e.meta ->> 'reply_to'), a.value) = a.value)))
$$;

-- What is said in place of a message that is files alone: which sort the first is of, its name, and how many come with it.
-- Those that are still to be fetched have no name; what is not known at all is a document.
create function files_said(message bigint) returns jsonb language sql stable as $$
    select jsonb_build_object('code', 'file.' || f.sort, 'params', jsonb_build_object('name', f.name, 'more', f.files - 1),
               'text', initcap(f.sort) || case when f.name <> '' then ': ' || f.name else '' end
                       || case when f.files > 1 then ' (+' || f.files - 1 || ')' else '' end)
    from (
        select case split_part(lower(coalesce(a.content_type, m.content_type, '')), '/', 1)
                   when 'image' then 'photo' when 'video' then 'video' when 'audio' then 'audio' else 'document' end as sort,
               left(coalesce(a.name, ''), 120) as name, (count(*) over ())::int as files
        from (select * from attachment f where f.interaction_id = message) a
        full join (select * from media r where r.interaction_id = message) m on m.attachment_id = a.id
        order by coalesce(a.inline, false), m.position, a.id limit 1
    ) f
$$;

-- Say in place of a message without words, when it is the last of its conversation, which files came with it.
create function say_files(message bigint) returns void language sql as $$
    update conversation v set said = f.said, preview = f.said ->> 'text'
    from interaction i cross join lateral (select files_said(i.id) as said offset 0) f
    where i.id = message and v.id = i.conversation_id and v.preview !~ '\S' and f.said is not null
$$;

-- The words of the hub's own that stand as a conversation's last ones; null when they are somebody's.
create function said_now(said jsonb, preview text) returns jsonb language sql immutable as $$
    select case when said ->> 'text' = preview then said - 'text' end
$$;

create view conversation_summary as
select v.id, v.subject, v.preview, v.status, v.channel,
       case when q.id is not null then jsonb_build_object('id', q.id, 'name', q.name) end as queue,
       case when a.id is not null then jsonb_build_object('id', a.id, 'name', a.name) end as agent,
       jsonb_build_object('id', c.root_id, 'name', contact_label(c.root_id, coalesce(nullif(r.name, ''), c.name))) as contact,
       v.seq, v.interaction_seq > v.read_seq as unread, v.waiting_since,
       case when v.status = 'open' then
           coalesce(e.entered_at + make_interval(secs => e.target_seconds - e.priority_seconds),
                    v.waiting_since + make_interval(secs => q.target_seconds)) end as due_at,
       v.updated_at, v.created_at, e.state as entry_state, v.snoozed_until, v.failed, rating_shown(v.id) as rating,
       said_now(v.said, v.preview) as said,
       v.queue_id, v.agent_id, v.contact_id, v.disposition, e.wrap_up_until
from conversation v
join contact c on c.id = v.contact_id
join contact r on r.id = c.root_id
left join queue q on q.id = v.queue_id
left join agent a on a.id = v.agent_id
left join lateral ( -- while it waits for somebody the entry's clock counts; on a desk the customer's
    select x.state, x.wrap_up_until, x.target_seconds, x.priority_seconds,
           case when x.state in ('waiting', 'offered') then x.entered_at end as entered_at
    from queue_entry x where x.conversation_id = v.id and x.state <> 'closed' limit 1
) e on true;

create view interaction_view as
select i.id, i.conversation_id, i.seq, i.kind, i.direction, i.channel,
       case when g.id is not null then jsonb_build_object('id', g.id, 'name', g.name) end as agent,
       jsonb_build_object('id', c.root_id, 'name', coalesce(nullif(c.name, ''), r.name)) as contact,
       a.value as address, i.subject, i.text, i.html, i.status, i.error, i.at, i.client_id, i.verified, i.automatic,
       case when i.kind = 'message' and i.channel <> 'voice' and i.text !~ '\S' then files_said(i.id) else i.meta -> 'said' end - 'text' as said,
       i.external_id, i.contact_id, i.meta, i.direction = 'in' and i.meta ? 'reply_to' and reply_to_counts(i) as reply_to_counts,
       coalesce((
           select jsonb_agg(jsonb_build_object('id', f.id, 'name', f.name, 'content_type', f.content_type,
                            'size', coalesce(f.size, length(f.body)), 'inline', f.inline, 'content_id', f.content_id) order by m.position, f.id)
           from attachment f left join media m on m.interaction_id = f.interaction_id and m.attachment_id = f.id where f.interaction_id = i.id), '[]') as attachments,
       case when i.meta ? 'files' then (
           select jsonb_agg(jsonb_build_object('code', m.code, 'params', coalesce(m.params, '{}'), 'error', m.error) order by m.position) from media m where m.interaction_id = i.id and m.state = 'lost') end as lost,
       case when i.meta ? 'replied_to' then (
           select jsonb_build_object('id', x.id, 'conversation_id', x.conversation_id, 'text', left(x.text, 160)) from interaction x
           where x.external_id = i.meta ->> 'replied_to' and (x.conversation_id = i.conversation_id -- or of an earlier one of theirs
               or exists (select from contact o where o.id = x.contact_id and o.root_id = c.root_id)) limit 1) end as quoted,
       case when i.direction = 'out' and i.status in ('pending', 'failed', 'unknown') then ( -- why it has not left, and when it is tried next
           select jsonb_build_object('id', o.id, 'state', o.state, 'attempts', o.attempt,
               'next_try_at', case when o.state = 'pending' then greatest(o.due_at, t.next_at)
                   when o.state = 'unknown' and o.code = 'send.absent' and o.begun_at > now() - interval '48 hours' then o.due_at end,
               'code', coalesce(o.code, t.code), 'params', coalesce(o.params, t.params, '{}'), 'error', coalesce(o.error, t.error),
               'account_since', t.since)
           from outbound o left join account_trouble t on t.account_id = o.account_id and o.state in ('pending', 'claimed')
           where o.interaction_id = i.id) end as delivery
from interaction i
join contact c on c.id = i.contact_id
join contact r on r.id = c.root_id
left join agent g on g.id = i.agent_id
left join address a on a.id = i.address_id;

-- A message as lists and screens show it: its page instead of its HTML, and no more of a long mail than anybody reads
-- in a list. What is left out is one click away.
create view interaction_shown as
select v.id, v.conversation_id, v.seq, v.kind, v.direction, v.channel, v.agent, v.contact, v.address, v.subject,
       case when v.channel = 'email' then left(v.text, 50000) else v.text end as text,
       v.channel = 'email' and (v.meta ? 'full_text' or v.meta ? 'html_own_end' or length(v.text) > 50000) as trimmed,
       v.html is not null as has_html, p.version as page_version, p.own as page_own, p.pictures as page_pictures,
       v.status, v.error, v.at, v.client_id, v.verified, v.automatic, v.meta - 'full_text' as meta, v.reply_to_counts,
       v.attachments, v.lost, v.quoted, v.delivery, v.said
from interaction_view v
left join page p on p.interaction_id = v.id and v.html is not null;

-- What an agent is shown of an entry before it is theirs.
create view entry_view as
select e.id, e.conversation_id, e.channel, q.id as queue_id, q.name as queue_name, c.id as contact_id,
       contact_label(c.root_id, coalesce(nullif(r.name, ''), c.name)) as contact_name, v.subject, v.preview, e.entered_at,
       said_now(v.said, v.preview) as said,
       -- what was answered and put back, or handed over, keeps the place that it had: its customer has not waited all the time
       coalesce(v.waiting_since, e.entered_at) as waits_since,
       v.waiting_since is not null or e.answered_at is null or e.channel = 'voice' as customer_waits
from queue_entry e
join queue q on q.id = e.queue_id
join conversation v on v.id = e.conversation_id
join contact c on c.id = v.contact_id
join contact r on r.id = c.root_id;

create view offer_shown as
select o.id, o.state, e.conversation_id, e.channel, e.queue_id, e.queue_name, e.contact_id, e.contact_name, e.subject,
       e.preview, o.offered_at, o.expires_at, clock_timestamp() as server_now,
       e.waits_since, coalesce(d.reason, '') as reason, d.because, o.agent_id, e.said, e.customer_waits
from offer o
join entry_view e on e.id = o.entry_id
left join decision d on d.entry_id = o.entry_id and d.offer_id = o.id;

create view offer_view as
select id, state, conversation_id, channel, queue_id, queue_name, contact_id, contact_name, subject, preview, offered_at,
       expires_at, server_now, extract(epoch from server_now - waits_since)::float8 as waited_seconds, reason, agent_id
from offer_shown;
