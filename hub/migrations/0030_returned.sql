-- Sends that the provider took and then reported as not delivered for now: how often, and under which of its ids.
alter table outbound add column returned integer not null default 0;
alter table outbound add column returned_ids text[] not null default '{}';
