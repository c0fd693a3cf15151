-- hold: One process at a time asks the provider for an account's token.
select pg_advisory_xact_lock(hashtextextended('oauth_token', %(id)s));

-- kept: What the provider gave us last.
select origin, secrets, expires_at from oauth_token where account_id = %(id)s;

-- keep: What the provider gave us now.
insert into oauth_token (account_id, origin, secrets, expires_at)
values (%(id)s, %(origin)s, %(secrets)s, %(expires_at)s)
on conflict (account_id) do update set origin = excluded.origin, secrets = excluded.secrets, expires_at = excluded.expires_at;
