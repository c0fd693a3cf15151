-- records: All roles, with what they allow and how many people have them.
select r.id, r.key, r.name, r.source, r.version, r.archived_at,
       coalesce((select jsonb_object_agg(p.permission, p.scope) from role_permission p where p.role_key = r.key), '{}') as permissions,
       (select count(*)::int from agent a where a.role = r.key and a.disabled_at is null) as people
from role r order by r.archived_at nulls first, r.source <> 'built-in', r.created_at, r.key;

-- record: One role.
select r.id, r.key, r.name, r.source, r.version, r.archived_at,
       coalesce((select jsonb_object_agg(p.permission, p.scope) from role_permission p where p.role_key = r.key), '{}') as permissions
from role r where r.id = %(id)s;

-- lock_record: Nobody else changes it until the transaction ends.
select 1 from role where id = %(id)s for update;

-- add_record: A new role of the pages.
with made as (insert into role (key, name, source) values (%(key)s, %(name)s, 'page') returning id, key),
granted as (
    insert into role_permission (role_key, permission, scope)
    select made.key, p.key, p.value from made, jsonb_each_text(%(permissions)s) p)
select id from made;

-- change_record: All that can be changed of a role.
with moved as (update role set name = %(name)s, source = %(source)s, version = version + 1 where key = %(key)s returning id, key),
dropped as (
    delete from role_permission p using moved where p.role_key = moved.key and not %(permissions)s::jsonb ? p.permission),
granted as (
    insert into role_permission (role_key, permission, scope)
    select moved.key, p.key, p.value from moved, jsonb_each_text(%(permissions)s) p
    on conflict (role_key, permission) do update set scope = excluded.scope)
select id from moved;

-- same_name: Two roles in use that are called the same, but for case and spaces.
select a.id, a.key, a.name, b.id as other_id, b.key as other_key
from role a join role b on b.id > a.id and name_as_read(b.name) = name_as_read(a.name)
where a.archived_at is null and b.archived_at is null order by a.id, b.id;

-- name_taken: Whether another role in use is called so; who keeps its own name has it.
select exists (
    select from role o where o.archived_at is null and o.id is distinct from %(id)s::bigint and name_as_read(o.name) = name_as_read(%(name)s))
  and not exists (select from role o where o.id = %(id)s::bigint and o.name = %(name)s);

-- archive_record: No longer given to anybody, or again.
update role set archived_at = case when %(archived)s then now() end, version = version + 1 where id = %(id)s;

-- people_of: How many people have a role.
select count(*) from agent a join role r on r.key = a.role where r.id = %(id)s;

-- by_key: A role by what files call it.
select id, name, archived_at from role where key = %(key)s;

-- give: A person has a role from now on; their screens and tokens at once.
update agent set role = %(role)s where id = %(agent_id)s and disabled_at is null returning name, email;

-- role_of: What role somebody has.
select role from agent where id = %(agent_id)s and disabled_at is null for update;

-- lock_roles: One change of who may administer at a time.
select pg_advisory_xact_lock(hashtext('roles'));

-- can_administer: Whether somebody is left who may make roles.
select exists (select from agent a join role_permission p on p.role_key = a.role and p.permission = 'role.manage' where a.disabled_at is null);
