-- Whether anything leaves. A restored backup remembers sends that have left since it was taken: nothing leaves this
-- database while `frozen_at` is set, nor while `identity` is not its own, as in a copy that somebody restored by hand.
create table sending (
    one         boolean primary key default true check (one),
    identity    text   not null, -- of the database whose outbox this is: see sending_identity()
    frozen_at   timestamptz,     -- nothing leaves since then
    reason      text,            -- why, for a person
    doubtful_to bigint not null default 0 -- sends up to this id may have left although nothing here says so
);
insert into sending (identity)
select (select system_identifier from pg_control_system()) || '.' || d.oid || '.' || 'outbound'::regclass::oid
from pg_database d where d.datname = current_database();
