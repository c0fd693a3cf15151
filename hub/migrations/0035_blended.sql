-- What gives way to what, whom light work goes to, and what an agent holds while a customer is silent. See docs/routing.md.
alter table channel_policy
    add column yields_to text[] not null default '{}', -- channels that do not count what an agent holds of this one
    add column placement text not null default 'auto' check (placement in ('auto', 'spread', 'pack')),
    add column release_on_silence boolean not null default false; -- weighs nothing while the customer owes the answer
update channel_policy set yields_to = '{voice,chat,sms,whatsapp}' where channel in ('email', 'voicemail');
update channel_policy set yields_to = '{voice}' where channel in ('sms', 'whatsapp');
update channel_policy set release_on_silence = true where channel in ('email', 'sms', 'whatsapp');

-- Assigned, and nobody waits for an answer in it: kept by the trigger `entry_rests` (functions/routing.sql).
alter table queue_entry add column resting boolean not null default false;

-- Why somebody is away who did not say so themselves: how many offers they missed, and of what.
alter table agent_state add column missed_at timestamptz; -- when the last offer was missed
