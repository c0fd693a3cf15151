-- accounts: The configured accounts of one connector, or of all.
select id, key, connector, channel, name, address, settings, secrets, queue_id, locale, enabled, health ->> 'unusable' as unusable
from account
where (%(connector)s::text is null or connector = %(connector)s)
order by id;

-- note_health: Merge facts into an account's health.
update account set health = health || %(facts)s where id = %(id)s;
