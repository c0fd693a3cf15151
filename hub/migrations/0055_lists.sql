-- concurrently
-- Lists narrowed to a channel, and the end of indexes that no statement looks into any more. A release before this one
-- finds what it found: two of those that go (conversation_updated, conversation_queue) served its lists, which may be slower
-- until it is gone.

-- The inbox of one channel.
create index concurrently if not exists conversation_live_channel on conversation (queue_id, channel, updated_at desc, id desc)
where status <> 'resolved';

-- What is on a desk, and how much of it.
create index concurrently if not exists conversation_desk on conversation (agent_id, updated_at desc, id desc)
include (status, queue_id, channel) where agent_id is not null and status <> 'resolved';

-- A person's timeline; of one channel, too, without a look at what was said on others.
create index concurrently if not exists interaction_said on interaction (contact_id, id desc) include (channel);

drop index concurrently if exists interaction_timeline;
drop index concurrently if exists interaction_contact;
drop index concurrently if exists conversation_agent;
drop index concurrently if exists conversation_updated;
drop index concurrently if exists conversation_queue;
