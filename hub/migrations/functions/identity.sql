-- Under which value a person is known who has a provider's own id, a telephone number, or both. Somebody first met by
-- the number alone takes the id when it is first told; a number that belongs to another id now leaves the old one.
create or replace function known_as(said text, told text, by_number text) returns text language plpgsql as $$
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
