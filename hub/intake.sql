-- intake: Take a batch in; see migrations/functions/intake.sql.
select * from intake(%(batch)s, %(bodies)b, %(reopen_days)s);

-- attach: A file that came with a message.
insert into attachment (interaction_id, name, content_type, content_id, inline, body)
values (%(interaction_id)s, %(name)s, %(content_type)s, %(content_id)s, %(inline)s, %(body)s);

-- known_as: Under which value somebody is known; see migrations/functions/identity.sql.
select known_as(%(kind)s, %(address)s, %(number)s);

-- number: The telephone number of somebody known by a provider's own id.
update address set number = %(number)s where id = %(address_id)s and number is distinct from %(number)s;

-- remote_file: A file that is fetched after its message.
insert into media (interaction_id, account_id, position, url, content_type)
values (%(interaction_id)s, %(account_id)s, %(position)s, %(url)s, %(content_type)s) on conflict do nothing;
