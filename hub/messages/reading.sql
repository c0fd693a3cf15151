-- full_message: One message, whole.
select i.id, i.conversation_id, i.text, i.html is not null as has_html, i.meta, i.raw_id,
       p.version as page_version, p.own as page_own, p.whole as page_whole, p.pictures as page_pictures, coalesce((
           select jsonb_agg(jsonb_build_object('id', f.id, 'content_id', f.content_id) order by f.id)
           from attachment f where f.interaction_id = i.id), '[]') as attachments
from interaction i left join page p on p.interaction_id = i.id where i.id = %(id)s and i.kind = 'message';

-- original: The bytes as they came.
select body, file_id from raw where id = %(id)s;
