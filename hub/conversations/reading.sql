-- letter: One message, whole.
select i.conversation_id, i.text, i.html, i.meta, i.raw_id, coalesce((
           select jsonb_agg(jsonb_build_object('id', f.id, 'content_id', f.content_id) order by f.id)
           from attachment f where f.interaction_id = i.id), '[]') as attachments
from interaction i where i.id = %(id)s and i.kind = 'message';

-- original: The bytes as they came.
select body from raw where id = %(id)s;
