-- concurrently
-- Look-ups and lists whose cost does not grow with what is stored. A list's index holds what it shows in the order in
-- which it shows it; what waits, sleeps or is on a desk is few rows beside all that is over.

-- What a repeated delivery became: without it each one reads every message.
create index concurrently if not exists interaction_raw on interaction (raw_id) where raw_id is not null;

-- A person's timeline, the newest first.
create index concurrently if not exists interaction_timeline on interaction (contact_id, id desc);

-- The inbox: what is not over, of it what nobody has, and what is put aside.
create index concurrently if not exists conversation_live on conversation (queue_id, updated_at desc, id desc)
include (status, channel, agent_id) where status <> 'resolved';
create index concurrently if not exists conversation_unassigned on conversation (queue_id, updated_at desc, id desc)
include (channel) where status = 'open' and agent_id is null;
create index concurrently if not exists conversation_asleep on conversation (queue_id, updated_at desc, id desc)
include (channel) where status = 'snoozed';

-- What is over: of a queue, of a queue and a channel, and what an agent had in a queue that is not theirs any more.
create index concurrently if not exists conversation_resolved on conversation (queue_id, updated_at desc, id desc)
include (resolved_at, agent_id) where status = 'resolved';
create index concurrently if not exists conversation_resolved_channel on conversation (queue_id, channel, updated_at desc, id desc)
where status = 'resolved';
create index concurrently if not exists conversation_resolved_agent on conversation (agent_id, queue_id, updated_at desc, id desc)
include (channel, resolved_at) where status = 'resolved' and agent_id is not null;

-- Contacts that stand for themselves, the newest first.
create index concurrently if not exists contact_standing on contact (id desc) where id = root_id;

-- What a person's record says of conversations that are not over.
create index concurrently if not exists conversation_contact_live on conversation (contact_id) where status <> 'resolved';

-- Reports of a time, and today's numbers.
create index concurrently if not exists stat_bucket_at on stat_bucket (at, queue_id);
