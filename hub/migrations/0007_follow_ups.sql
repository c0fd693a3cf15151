-- A follow-up is written for nearly every message: checking its conversation row by row costs more than the row
-- (decision 0006). The planner only writes of conversations it has just read, and conversations are never deleted.
alter table follow_up drop constraint follow_up_conversation_id_fkey;
