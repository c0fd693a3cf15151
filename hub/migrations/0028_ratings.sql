-- Ratings as numbers: of which queue, and found by when they were given. What older hubs add has no queue of its own, and
-- counts for the conversation's.
alter table rating add column queue_id bigint references queue;
update rating r set queue_id = v.queue_id from conversation v where v.id = r.conversation_id;
create index rating_at on rating (at);

-- Whether a customer was asked how it was: looked up for each of their messages.
create index follow_up_asked on follow_up (conversation_id) where kind = 'satisfaction' and state = 'fired';

-- Whether the chat asked how it was: once in a conversation, and never after the clock closed it.
alter table conversation add column resolved_by bigint; -- null: nobody, it closed by itself
alter table chat_log add column conversation_id bigint; -- of a question how it was
