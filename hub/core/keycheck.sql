-- read: The value that only the right key can read.
select value #>> '{}' from meta where key = 'key_check';

-- write: It is written once.
insert into meta (key, value) values ('key_check', to_jsonb(%(value)s::text)) on conflict (key) do nothing;

-- secrets: What else was encrypted.
select key, secrets from account where secrets is not null order by id limit 20;
