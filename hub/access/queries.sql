-- agent_by_email: Who signs in.
select id, email, name, role, locale, theme, password_hash, disabled_at from agent where email = %(email)s;

-- set_password: A new password ends every session and every API token: whoever had the old one keeps nothing.
with ended as (delete from session where agent_id = %(id)s), revoked as (delete from api_token where agent_id = %(id)s)
update agent set password_hash = %(hash)s where id = %(id)s;

-- rehash: The same password under today's parameters.
update agent set password_hash = %(hash)s where id = %(id)s;

-- set_profile: What an agent may change about themselves.
update agent set locale = coalesce(%(locale)s, locale), theme = coalesce(%(theme)s, theme) where id = %(id)s;

-- new_session: Somebody is signed in.
insert into session (id, agent_id, user_agent, ip, expires_at)
values (%(id)s, %(agent_id)s, %(user_agent)s, %(ip)s, now() + make_interval(hours => %(hours)s));

-- session_actor: Whose session this is, if it still counts (absolute and idle expiry, agent not disabled).
select a.id, a.email, a.name, a.role, a.locale, a.theme, s.id as session_id, null::bigint as token_id, s.seen_at, t.grants, t.queues, t.offered
from session s join agent a on a.id = s.agent_id cross join lateral standing(a.id, a.role) t
where s.id = %(id)s and s.expires_at > now() and s.seen_at > now() - make_interval(hours => %(idle_hours)s) and a.disabled_at is null;

-- touch_session: Seen now.
update session set seen_at = now() where id = %(id)s;

-- end_session: Signed out.
delete from session where id = %(id)s;

-- has_session: Whether an agent is signed in anywhere.
select exists (select from session where agent_id = %(agent_id)s and expires_at > now());

-- expire: Forget sessions, counts and links that no longer matter.
with gone as (delete from session where expires_at < now() - interval '1 day'), old as (delete from login_attempt where window_start < now() - interval '1 day')
delete from invitation where expires_at < now() - interval '30 days';

-- token_actor: Whose API token this is.
update api_token t set last_used_at = now() from agent a, lateral standing(a.id, a.role) g
where t.hash = %(hash)s and a.id = t.agent_id and a.disabled_at is null and (t.expires_at is null or t.expires_at > now())
returning a.id, a.email, a.name, a.role, a.locale, a.theme, null::bytea as session_id, t.id as token_id, now() as seen_at, g.grants, g.queues, g.offered;

-- tokens: An agent's tokens, without secrets.
select id, name, created_at, expires_at, last_used_at from api_token where agent_id = %(agent_id)s order by id;

-- new_token: A token for scripts.
insert into api_token (hash, agent_id, name, expires_at) values (%(hash)s, %(agent_id)s, %(name)s, %(expires_at)s) returning id;

-- drop_token: Revoked.
delete from api_token where id = %(id)s and agent_id = %(agent_id)s;

-- invite: A one-time link to set a password; an older one dies.
with old as (delete from invitation where agent_id = %(agent_id)s)
insert into invitation (hash, agent_id, expires_at) values (%(hash)s, %(agent_id)s, now() + make_interval(hours => %(hours)s));

-- good_invitation: Whether a link may still be used.
select exists (select from invitation where hash = %(hash)s and used_at is null and expires_at > now());

-- use_invitation: Once, and in time.
update invitation set used_at = now()
where hash = %(hash)s and used_at is null and expires_at > now()
returning agent_id;

-- count_attempt: Count one of what is bounded in a quarter of an hour; atomic, so that parallel ones all count.
insert into login_attempt as l (key, window_start, count) values (%(key)s, %(window)s, 1)
on conflict (key, window_start) do update set count = l.count + 1
returning count;

-- is_role: Whether there is such a role.
select exists (select from role where key = %(key)s);

-- new_agent: A person of ours, with their presence.
with made as (
    insert into agent (email, name, role, locale) values (%(email)s, %(name)s, %(role)s, %(locale)s)
    on conflict (email) do nothing returning id
), state as (insert into agent_state (agent_id) select id from made)
select id from made;

-- any_admin: Whether somebody can administer.
select exists (select from agent a join role_permission p on p.role_key = a.role and p.permission = 'role.manage'
    where a.password_hash is not null and a.disabled_at is null);

-- admin_without_password: An admin who has not set a password yet.
select id from agent where role = 'admin' and password_hash is null and disabled_at is null order by id limit 1;

-- me: What the desk knows of who is signed in.
select a.id, a.name, a.email, a.role, a.locale, a.theme, s.grants as permissions
from agent a cross join lateral standing(a.id, a.role) s where a.id = %(id)s;

-- with_passwords: Everybody, and whether they have a password.
select id, email, password_hash is not null as set from agent;

-- first_admin: The administrator of longest standing.
select id from agent where role = 'admin' order by id limit 1;
