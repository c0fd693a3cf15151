-- invited: An invitation, held while it is answered.
select i.conversation_id, i.meta -> 'invitation' as invitation, a.value as address, i.account_id, i.address_id,
       coalesce(t.address, '') as account_address, coalesce(c.locale, t.locale, 'en') as locale
from interaction i
join address a on a.id = i.address_id
join account t on t.id = i.account_id
join contact c on c.id = i.contact_id
where i.id = %(id)s and i.direction = 'in';

-- attach: The calendar object, as a file of the one who answers.
insert into attachment (uploaded_by, name, content_type, body) -- a few hundred bytes: they stay here
values (%(agent_id)s, 'reply.ics', %(type)s, %(body)s) returning id;

-- remember: What was answered last.
update interaction set meta = jsonb_set(meta, '{invitation,answer}', %(answer)s) where id = %(id)s;
