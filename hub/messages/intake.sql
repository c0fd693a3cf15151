-- intake: Take a batch in; see migrations/functions/intake.sql.
select n, duplicate, raw_id, interaction_id, conversation_id, seq, contact_id, contact_name, address_id, event_id, is_new,
       entry_id, queue_id, agent_id, agent_seq, at, entry
from intake(%(batch)s, %(bodies)b, %(limits)s);

-- attach: A file that came with a message.
insert into attachment (interaction_id, name, content_type, content_id, inline, body, file_id, size)
values (%(interaction_id)s, %(name)s, %(content_type)s, %(content_id)s, %(inline)s, %(body)s, %(file_id)s, %(size)s);

-- say_files: Let the files of a message without words stand for it; see migrations/functions/views.sql.
select say_files(%(interaction_id)s);

-- known_as: Under which value somebody is known; see migrations/functions/identity.sql.
select known_as(%(kind)s, %(address)s, %(number)s);

-- number: The telephone number of somebody, and how the provider writes it.
update address set number = coalesce(%(number)s, number), reported = %(reported)s
where id = %(address_id)s and (number, reported) is distinct from (coalesce(%(number)s, number), %(reported)s);

-- namesake: Whom somebody turns out to be by their number; see migrations/functions/identity.sql.
select namesake(%(address_id)s, %(number)s);

-- remote_file: A file that is fetched after its message.
insert into media (interaction_id, account_id, position, url, content_type)
values (%(interaction_id)s, %(account_id)s, %(position)s, %(url)s, %(content_type)s) on conflict do nothing;

-- sent_to: The send of a message with this id that went to one of these addresses.
select o.id
from interaction i
join outbound o on o.interaction_id = i.id
join address a on a.id = i.address_id
where i.external_id = %(provider_id)s and i.direction = 'out'
  and (lower(a.value) = any(%(to)s) or lower(o.payload ->> 'to') = any(%(to)s)
       or exists (select from jsonb_array_elements_text(coalesce(o.payload -> 'cc', '[]') || coalesce(o.payload -> 'bcc', '[]')) c (value)
                  where lower(c.value) = any(%(to)s)))
limit 1;
