-- Work that cannot get lost: when a wait was first answered, calls nobody took as work of their own, and what was mended.
alter table queue_entry add column answered_at timestamptz; -- its wait ended for the numbers: once, whatever happens later
update queue_entry set answered_at = assigned_at where state in ('assigned', 'wrapping') and assigned_at is not null;

insert into channel_policy (channel, weight, max_per_agent, offer_timeout_seconds) values ('missed_call', 20, 3, 120)
on conflict do nothing;

-- What the sweeper found out of order and put right: each is a fault of ours that somebody should hear of.
create table work_repair (
    id              bigint generated always as identity primary key,
    at              timestamptz not null default now(),
    conversation_id bigint not null,
    entry_id        bigint,
    fault           text   not null
);
create index work_repair_at on work_repair (at);
