-- concurrently
-- Why the router decided as it did, as codes with parameters (hub/queues/because.py): `reason` and each candidate's are the
-- English of it, which the version before writes alone. What it has written is read here, piece by piece; words that are
-- not known are kept as they are, under the code `text`. In batches, each committed: nobody waits for more than one, and
-- whoever is interrupted goes on where they were.
alter table decision add column if not exists because jsonb;

create or replace function pg_temp.piece(said text) returns jsonb language plpgsql as $$
declare
    m text[];
    rule record;
begin
    for rule in
        select * from (values
            ('^works in this queue$', 'queue', '{}'::text[]),
            ('^has worked on it or was asked for$', 'asked', '{}'),
            ('^(\d+) of (\d+) used$', 'used', '{used,capacity}'),
            ('^(.+) at level (\d+)$', 'skill', '{skills,n}'),
            ('^chosen$', 'chosen', '{}'),
            ('^lacks (.+)$', 'lacks', '{skills}'),
            ('^declined or missed it just now$', 'missed', '{}'),
            ('^full: (\d+) of (\d+)$', 'full', '{used,capacity}'),
            ('^holds (\d+) of (\d+) (\w+)$', 'holds', '{held,most,channel}'),
            ('^was not the one asked for$', 'other', '{}'),
            ('^level (\d+), the chosen has (\d+)$', 'weaker', '{mine,best}'),
            ('^kept free for what fewer can do$', 'kept', '{}'),
            ('^has more to do$', 'busier', '{}'),
            ('^idle for a shorter time$', 'shorter', '{}'),
            ('^kept free for (\w+): (\d+) free, (\d+) kept$', 'keptNow', '{channel,free,kept}'),
            ('^kept free for (\w+)$', 'keptFor', '{channel}'),
            ('^(\w+) still fits$', 'stillFits', '{channel}'),
            ('^leaves others free for (\w+)$', 'othersFree', '{channel}'),
            ('^takes something more urgent to them$', 'urgent', '{}'),
            ('^(available|away|busy|offline)$', 'presence', '{state}'),
            ('^(available|away|busy|offline): (.+)$', 'presence', '{state,reason}')
        ) r (pattern, code, names)
    loop
        m := regexp_match(said, rule.pattern);
        if m is not null then
            return jsonb_build_object('code', rule.code, 'params', coalesce((
                select jsonb_object_agg(n.name, case when m[n.i] ~ '^\d{1,9}$' and n.name <> 'reason' then to_jsonb(m[n.i]::int) else to_jsonb(m[n.i]) end)
                from unnest(rule.names) with ordinality n (name, i)), '{}'));
        end if;
    end loop;
    m := regexp_match(said, '^idle for (\d{1,8}) (s|min|h)$');
    if m is not null then
        return jsonb_build_object('code', 'idle', 'params', jsonb_build_object(
            'seconds', m[1]::bigint * case m[2] when 's' then 1 when 'min' then 60 else 3600 end));
    end if;
    return jsonb_build_object('code', 'text', 'params', jsonb_build_object('text', said));
end $$;

create or replace function pg_temp.because(said text) returns jsonb language sql as $$
    select coalesce(jsonb_agg(pg_temp.piece(p.piece) order by p.n), '[]')
    from regexp_split_to_table(said, '; ') with ordinality p (piece, n) where p.piece <> ''
$$;

create temporary table if not exists worded (said text, because jsonb);
create index if not exists worded_said on worded using hash (said);

create or replace procedure pg_temp.rewrite() language plpgsql as $$
declare
    first bigint;
    last bigint;
begin
    select min(id), max(id) into first, last from decision;
    while first <= last loop
        -- The same words come again and again: each is read once, while there are not too many to look through.
        if (select count(*) from worded) > 50000 then
            truncate worded;
        end if;
        insert into worded
        select said, pg_temp.because(said)
        from (select d.reason as said from decision d where d.id >= first and d.id < first + 5000 and d.because is null
              union
              select c ->> 'reason' from decision d cross join lateral jsonb_array_elements(d.candidates) c
              where d.id >= first and d.id < first + 5000 and d.because is null) every
        where said is not null and not exists (select from worded w where w.said = every.said);
        analyze worded;
        update decision d set because = r.because, candidates = r.candidates
        from (select o.id, w.because, coalesce(jsonb_agg(c.row || jsonb_build_object('because', coalesce(x.because, '[]')) order by c.n)
                  filter (where c.row is not null), '[]') as candidates
              from decision o join worded w on w.said = o.reason
              left join lateral jsonb_array_elements(o.candidates) with ordinality c (row, n) on true
              left join worded x on x.said = c.row ->> 'reason'
              where o.id >= first and o.id < first + 5000 and o.because is null
              group by o.id, w.because) r
        where d.id = r.id and d.because is null;
        commit;
        first := first + 5000;
    end loop;
end $$;

call pg_temp.rewrite();
