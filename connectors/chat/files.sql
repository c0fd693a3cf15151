-- keep: A visitor's file, unless it is here already or too many are.
insert into chat_upload (account_id, visitor, client_id, name, content_type, body)
select %(account_id)s, %(visitor)s, %(client_id)s, %(name)s, %(content_type)s, %(body)s
where (select count(*) from (
    select from chat_upload where account_id = %(account_id)s and visitor = %(visitor)s limit %(most)s) few) < %(most)s
on conflict do nothing;

-- kept: Whether it is here.
select exists (select from chat_upload where account_id = %(account_id)s and visitor = %(visitor)s and client_id = %(client_id)s);

-- waiting: Files that a message names, with their bytes.
select client_id, name, content_type, body from chat_upload
where account_id = %(account_id)s and visitor = %(visitor)s and client_id = any(%(client_ids)s);

-- remove: They wait no more.
delete from chat_upload where account_id = %(account_id)s and visitor = %(visitor)s and client_id = any(%(client_ids)s);

-- read: A file of a message that the visitor may see, by the same rule as the message.
select f.name, f.content_type, f.body, f.file_id
from attachment f
join interaction i on i.id = f.interaction_id and i.channel = 'chat' and i.kind = 'message'
join address a on a.id = i.address_id and a.kind = 'visitor' and a.value = %(visitor)s
where f.id = %(id)s;

-- expire: Files that waited too long.
delete from chat_upload where created_at < now() - %(kept)s;
