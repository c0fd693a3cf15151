-- A follow-up is written for nearly every message: checking its conversation row by row costs more than the row
-- (decision 0006). The planner only writes of conversations it has just read, and conversations are never deleted.
alter table follow_up drop constraint follow_up_conversation_id_fkey;

-- Who waits too long is looked for, oldest first.
create index conversation_waiting on conversation (waiting_since, id) where waiting_since is not null and status = 'open';
