-- accounts: The accounts of one connector, or one of them.
select a.id, a.key, a.connector, a.channel, a.name, a.address, a.settings, a.secrets, a.queue_id, q.name as queue_name,
       a.locale, a.enabled, a.signature, a.health
from account a left join queue q on q.id = a.queue_id
where a.connector = %(connector)s and (%(id)s::bigint is null or a.id = %(id)s)
order by a.id;

-- create: A new account.
insert into account (key, connector, channel, name, address, queue_id, signature, settings, secrets)
values (%(key)s, %(connector)s, %(channel)s, %(name)s, %(address)s, %(queue_id)s, %(signature)s, %(settings)s, %(secrets)s)
returning id;

-- update: What is different about an account; its troubles are forgotten, since they may be mended.
update account set name = coalesce(%(name)s, name), address = coalesce(%(address)s, address),
    queue_id = coalesce(%(queue_id)s, queue_id), signature = coalesce(%(signature)s, signature),
    enabled = coalesce(%(enabled)s, enabled), settings = %(settings)s, secrets = %(secrets)s,
    health = health - 'error' - 'failed_at'
where id = %(id)s;

-- one_at_a_time: Whoever adds or changes accounts, by the API or by `hub apply`, waits for whoever does so already.
select pg_advisory_xact_lock(7235);

-- own: Every account, as far as its address goes.
select id, key, connector, channel, name, address, settings, enabled from account order by id;

-- queue_in_use: Whether there is such a queue and it is not archived; it stays so until the transaction ends.
select 1 from queue where id = %(id)s and archived_at is null for share;
