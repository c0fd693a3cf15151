-- answer: An answer of ours as it was written.
select i.text, i.html, i.subject, i.channel, i.meta from interaction i
where i.id = %(interaction_id)s and i.conversation_id = %(conversation_id)s and i.direction = 'out' and i.kind = 'message';

-- cancel: Take back what waits to leave and has reached nobody.
update outbound set state = 'cancelled', done_at = now(), error = null
where interaction_id = %(interaction_id)s and conversation_id = %(conversation_id)s and state = 'pending' and not payload ? 'taken';

-- cancelled: It was never said.
update interaction set status = 'cancelled', error = null where id = %(interaction_id)s;

-- release_files: Its files are uploads again.
update attachment set interaction_id = null, inline = false, content_id = null
where interaction_id = %(interaction_id)s
returning id, name, content_type, length(body) as size;

-- clocks_go_on: The conversation's times, from what was really said.
with said as (
    select i.seq, i.direction, i.automatic, i.text, i.status, e.at, greatest(i.at, o.begun_at) as leaves_at
    from interaction i
    join event e on e.conversation_id = i.conversation_id and e.conversation_seq = i.seq
    left join outbound o on o.interaction_id = i.id
    where i.conversation_id = %(id)s and i.kind = 'message' and i.status <> 'cancelled'
), answers as (
    select max(seq) as last, min(leaves_at) as first_at from said where direction = 'out' and not automatic
)
update conversation v set
    waiting_since = (
        select min(s.at) from said s where s.direction = 'in' and not s.automatic and s.seq > coalesce(a.last, 0)),
    first_reply_at = a.first_at,
    last_outbound_at = (select max(s.leaves_at) from said s where s.direction = 'out'),
    preview = coalesce((select left(s.text, 200) from said s order by s.seq desc limit 1), ''),
    failed = exists (select from outbound o where o.conversation_id = v.id and o.state in ('failed', 'unknown')),
    updated_at = now()
from answers a
where v.id = %(id)s;

-- say_files: Where the last message has no words, its files stand for it; see migrations/functions/views.sql.
select say_files(i.id) from (
    select x.id from interaction x where x.conversation_id = %(id)s and x.kind = 'message' and x.status <> 'cancelled'
    order by x.seq desc limit 1) i;
