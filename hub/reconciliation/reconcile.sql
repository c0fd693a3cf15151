-- known_received: Which of these messages came in, in whatever state they lie here.
select dedup_key as id, state from raw where account_id = %(account_id)s and dedup_key = any(%(ids)s);

-- known_sent: Which of these are sends of ours, and how far we believe they are.
select provider_id as id, state || ' ' || rank as state from outbound
where provider_id = any(%(ids)s) and connector = %(connector)s;

-- note: What a comparison found.
insert into reconciliation (account_id, day, provider, stored, fetched, moved, foreign_)
values (%(account_id)s, %(day)s, %(provider)s, %(stored)s, %(fetched)s, %(moved)s, %(foreign)s)
on conflict (account_id, day) do update set at = clock_timestamp(), provider = excluded.provider, stored = excluded.stored,
    fetched = excluded.fetched, moved = excluded.moved, foreign_ = excluded.foreign_;

-- latest: When days were compared last.
select account_id, day, at from reconciliation where day >= %(since)s;
