-- Under which value a person is known who has a provider's own id, a telephone number, or both. Somebody first met by
-- the number alone takes the id when it is first told; a number that belongs to another id now leaves the old one.
create function known_as(said text, told text, by_number text) returns text language plpgsql as $$
declare
    found text;
begin
    if said <> 'whatsapp' then
        return told;
    end if;
    if told is distinct from by_number then -- an id of the provider's, perhaps with a number
        if by_number is not null then
            update address a set value = told, number = by_number
            where a.kind = said and a.value = by_number and not exists (select from address o where o.kind = said and o.value = told);
            update address a set number = null where a.kind = said and a.number = by_number and a.value <> told;
            update address a set number = by_number where a.kind = said and a.value = told and a.number is distinct from by_number;
        end if;
        return told;
    end if;
    select a.value into found from address a
    where a.kind = said and (a.value = told or a.number = told) order by a.value = told limit 1;
    return coalesce(found, told);
exception when unique_violation then
    return told; -- somebody else told it at the same moment
end $$;

-- Whose a telephone number is: the contact that a new address with it belongs to, and null where it is none. Whoever asks
-- holds the number until the transaction ends, so that a text and a call that come at once find one person; ask for
-- several in order. Somebody whom the provider knows by another id than its owner has taken the number over.
create function person_of(said text, told text, by_number text) returns bigint language plpgsql as $$
declare
    wanted text := coalesce(by_number, told);
    found  bigint;
begin
    if said not in ('phone', 'whatsapp') or wanted !~ '^\+[0-9]{6,15}$' then
        return null;
    end if;
    insert into phone_person as p (number, contact_id)
    values (wanted, coalesce(
        (select a.contact_id from address a where a.kind in ('phone', 'whatsapp') and a.value = wanted order by a.id limit 1),
        nextval('contact_id_seq')))
    on conflict (number) do update set contact_id = p.contact_id
    returning contact_id into found;
    if told <> wanted and other_id(found, told) then
        found := nextval('contact_id_seq');
        update phone_person set contact_id = found where number = wanted;
    end if;
    return found;
end $$;

-- Whether the provider knows this person, on WhatsApp, by an id of its own that is not this one.
create function other_id(person bigint, told text) returns boolean language sql stable as $$
    select exists (
        select from contact c join contact k on k.root_id = c.root_id join address a on a.contact_id = k.id
        where c.id = person and a.kind = 'whatsapp' and a.value !~ '^\+' and a.value <> told)
$$;

-- Whom somebody turns out to be, now that their number is told: the contact it belongs to, to be linked with theirs. Null
-- where they are one already, where they cannot be, and where an agent has taken them apart.
create function namesake(address bigint, told text) returns bigint language plpgsql as $$
declare
    own   address;
    owner bigint;
begin
    select a.* into own from address a where a.id = address;
    select p.contact_id into owner from phone_person p where p.number = told;
    if not found then
        insert into phone_person as p (number, contact_id) values (told, own.contact_id)
        on conflict (number) do update set contact_id = p.contact_id
        returning contact_id into owner;
    end if;
    if owner = own.contact_id then
        return null;
    end if;
    return (
        select o.id from contact o join contact c on c.id = own.contact_id
        where o.id = owner and o.root_id <> c.root_id
          and (own.value ~ '^\+' or not other_id(o.id, own.value))
          and not exists (
              select from contact_link l join contact a on a.id = l.contact_id join contact b on b.id = l.into_id
              where l.undone_at is not null and array[a.root_id, b.root_id] <@ array[o.root_id, c.root_id]));
end $$;
