-- The first steps of `intake` (intake.sql): the bytes, whose they are, and what was here already.

-- 1. The bytes, under the sender's own key. Then who: the address decides; an unknown one makes a new contact, or is one
-- more of somebody whose number it is. The row lock keeps one person's messages in line. `wanted` is sorted, so all bytes
-- lie there before the first lock. What was here already is not among the answers.
create function intake_store(items intake_item[], bodies bytea[], moment timestamptz) returns intake_message[]
language plpgsql as $$
#variable_conflict use_column
declare
    kinds    text[];   -- who is new and has a telephone number
    numbers  text[];
    persons  bigint[]; -- and the contact it belongs to
    messages intake_message[];
begin
    -- Whose the numbers of newcomers are, locked in order.
    select array_agg(c.kind), array_agg(c.address), array_agg(person_of(c.kind, c.address, c.number))
    into kinds, numbers, persons
    from (
        select distinct i.kind, i.address, i.number, coalesce(i.number, i.address) as owned
        from unnest(items) i
        where i.kind in ('phone', 'whatsapp')
          and not exists (select from address a where a.kind = i.kind and a.value = i.address offset 0)
        order by owned, i.kind, i.address offset 0
    ) c;

    with stored as (
        insert into raw (account_id, connector, dedup_key, content_type, body, file_id, meta)
        select i.account_id, i.connector, i.dedup_key, i.raw_type, bodies[i.n + 1], i.raw_file, coalesce(i.meta, '{}')
        from unnest(items) i order by i.connector, i.account_id, i.dedup_key
        on conflict do nothing
        returning id, account_id, connector, dedup_key
    ), fresh as (
        select distinct on (s.id) s.id, i.n, i.account_id, i.channel, i.session, i.automatic, i.kind, i.address,
               i.verified, i.name, i.locale
        from stored s join unnest(items) i on (i.account_id, i.connector, i.dedup_key) = (s.account_id, s.connector, s.dedup_key)
        order by s.id, i.n
    ), wanted as (
        select f.kind, f.address, bool_or(f.verified) as verified, (array_agg(coalesce(f.name, '') order by f.n))[1] as name,
               (array_agg(f.locale order by f.n))[1] as locale
        from fresh f group by f.kind, f.address order by f.kind, f.address
    ), known as (
        insert into address as a (contact_id, kind, value, verified_at)
        select coalesce(c.person, nextval('contact_id_seq')), w.kind, w.address, case when w.verified then moment end
        from wanted w
        left join unnest(kinds, numbers, persons) as c (kind, address, person) on (c.kind, c.address) = (w.kind, w.address)
        order by w.kind, w.address
        on conflict (kind, value) do update set verified_at = coalesce(a.verified_at, excluded.verified_at)
        returning a.id, a.contact_id, a.kind, a.value, (xmax = 0) as created
    ), made as (
        insert into contact (id, root_id, name, locale) overriding system value
        select distinct on (k.contact_id) k.contact_id, k.contact_id, w.name, w.locale
        from known k join wanted w on (w.kind, w.address) = (k.kind, k.value) where k.created
        order by k.contact_id, w.name = '', k.id
        on conflict (id) do nothing -- somebody whom we know by another way already
    )
    select array_agg(intake_note(null, n => f.n, duplicate => false, raw_id => f.id, account_id => f.account_id,
               channel => f.channel, session => f.session, automatic => f.automatic, address_id => k.id,
               contact_id => k.contact_id) order by f.n)
    into messages
    from fresh f join known k on (k.kind, k.value) = (f.kind, f.address);
    return messages;
end $$;

-- 2. Those of `items` that were here already, as they were stored.
create function intake_repeats(items intake_item[], messages intake_message[], moment timestamptz) returns intake_message[]
language plpgsql as $$
#variable_conflict use_column
begin
    return (
        select array_agg(intake_note(null, n => i.n, duplicate => true, raw_id => r.id, interaction_id => x.id,
                   conversation_id => x.conversation_id, seq => x.seq, contact_id => x.contact_id, is_new => false, at => moment))
        from unnest(items) i
        cross join lateral (
            select r.id from raw r
            where (r.connector, r.account_id, r.dedup_key) = (i.connector, i.account_id, i.dedup_key) offset 0
        ) r
        left join lateral (
            select t.id, t.conversation_id, t.seq, t.contact_id from interaction t where t.raw_id = r.id limit 1
        ) x on true
        where not exists (select from unnest(messages) m where m.n = i.n));
end $$;

-- 3. Mails that another mailbox of ours has brought: one mail to two of them is one message, the same bytes but for what
-- servers add, from the same address. Whichever came first has it; the sender's row, locked above, keeps two that come at
-- once in line.
create function intake_copies(items intake_item[], messages intake_message[], moment timestamptz) returns intake_message[]
language plpgsql as $$
#variable_conflict use_column
begin
    return (
        select array_agg(intake_note(null, n => m.n, duplicate => true, raw_id => m.raw_id, interaction_id => x.id,
                   conversation_id => x.conversation_id, seq => x.seq, contact_id => x.contact_id, is_new => false, at => moment))
        from unnest(messages) m
        join unnest(items) i on i.n = m.n
        cross join lateral (
            select t.id, t.conversation_id, t.seq, t.contact_id from interaction t
            cross join lateral (select r.account_id, r.dedup_key from raw r where r.id = t.raw_id offset 0) r
            where t.external_id = i.external_id and t.address_id = m.address_id and t.direction = 'in'
              and r.dedup_key = i.dedup_key and r.account_id <> m.account_id
            order by t.id limit 1
        ) x
        where i.channel = 'email' and i.external_id is not null);
end $$;
