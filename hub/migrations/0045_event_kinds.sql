-- Only kinds of the catalogue (hub.event_catalogue) are logged. The function is laid anew with each version's kinds; what
-- was logged before is not looked through.
create or replace function event_kind_known(kind text) returns boolean
language sql immutable parallel safe as $$ select true $$;

alter table event add constraint event_kind_known check (event_kind_known(kind)) not valid;
