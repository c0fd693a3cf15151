-- How old a hub may be that works on this database. Its age is the number of the newest migration it knows.
-- A migration that older hubs do not survive raises `oldest` to its own number; until then they go on beside newer ones.
create table compatibility (
    one    boolean primary key default true check (one),
    oldest integer not null
);
insert into compatibility (oldest) values (0);
