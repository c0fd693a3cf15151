-- One person for one telephone number, by whatever channel it is used and however it is spelled (hub/contacts/numbers.py,
-- functions/identity.sql). What older hubs add meanwhile stays apart until an agent links it.
create table phone_person (
    number     text   primary key, -- the one form of it
    contact_id bigint not null     -- whose the first address with it is; the row of a contact may come after
);
alter table address add column reported text; -- a number as the provider or a person wrote it, where that is another form

-- Two spellings are one value; where both are known already, the people are linked below.
create function pg_temp.same_number(number text) returns text language sql immutable as $$
    select regexp_replace(regexp_replace(regexp_replace(regexp_replace(number,
        '^\+521([2-9][0-9]{9})$', '+52\1'), '^\+55([1-9][1-9])([6-9][0-9]{7})$', '+55\19\2'),
        '^\+549([1-9][0-9]{9})$', '+54\1'), '^\+229([2-9][0-9]{7})$', '+22901\1')
$$;
update address a set number = pg_temp.same_number(a.number), reported = a.number
where a.number is not null and a.number <> pg_temp.same_number(a.number);
create temporary table spelled on commit drop as
select a.id, a.kind, a.value, pg_temp.same_number(a.value) as form from address a
where a.kind in ('phone', 'whatsapp') and a.value <> pg_temp.same_number(a.value);
update address a set value = s.form, reported = s.value
from spelled s
where a.id = s.id and not exists (select from address o where o.kind = s.kind and o.value = s.form)
  and not exists (select from spelled o where o.kind = s.kind and o.form = s.form and o.id < s.id);

-- Callers who withheld their number were one contact for all of them: they are nobody's now, and get no messages.
update contact c set name = 'Number withheld'
where c.name = '' and exists (select from address a where a.contact_id = c.id and a.kind = 'phone' and a.value in (
    '+266696687', '+7378742833', '+17378742833', '+2562533', '+8656696', '+86282452253', '+8566', '+464'));
update address set kind = 'visitor', value = 'withheld:' || value
where kind = 'phone' and value in (
    '+266696687', '+7378742833', '+17378742833', '+2562533', '+8656696', '+86282452253', '+8566', '+464');

-- Whose each number is: the first who had it. Whoever else has it is the same person, unless providers know them by two
-- ids of their own, or an agent has taken them apart.
create temporary table numbered on commit drop as
select a.id, a.contact_id, pg_temp.same_number(coalesce(a.number, a.value)) as number from address a
where a.kind in ('phone', 'whatsapp') and coalesce(a.number, a.value) ~ '^\+[0-9]{7,15}$';
insert into phone_person (number, contact_id)
select distinct on (n.number) n.number, n.contact_id from numbered n order by n.number, n.id;
do $$
declare
    pair    record;
    into_   bigint;
    joining bigint;
begin
    for pair in
        select p.contact_id as mine, n.contact_id as other from numbered n
        join phone_person p on p.number = n.number where p.contact_id <> n.contact_id order by n.id
    loop
        select root_id into into_ from contact where id = pair.mine;
        select root_id into joining from contact where id = pair.other;
        continue when into_ is null or joining is null or into_ = joining
            or exists (select from contact_link l join contact a on a.id = l.contact_id join contact b on b.id = l.into_id
                       where l.undone_at is not null and array[a.root_id, b.root_id] <@ array[into_, joining])
            or (select count(distinct a.value) from address a join contact c on c.id = a.contact_id
                where c.root_id in (into_, joining) and a.kind = 'whatsapp' and a.value !~ '^\+') > 1;
        insert into contact_link (contact_id, into_id) values (joining, into_);
        update contact set merged_into = into_ where id = joining;
        update contact set root_id = into_ where root_id = joining;
    end loop;
end $$;
