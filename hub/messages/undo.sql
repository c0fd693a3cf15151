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
returning id, name, content_type, coalesce(size, length(body)) as size;

-- say_files: Where the last message has no words, its files stand for it; see migrations/functions/views.sql.
select say_files(i.id) from (
    select x.id from interaction x where x.conversation_id = %(id)s and x.kind = 'message' and x.status <> 'cancelled'
    order by x.seq desc limit 1) i;
