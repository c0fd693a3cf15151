-- The triggers. Those of the newest hub that has migrated hang on the tables, for processes of the release before, too:
-- so their functions say `set search_path from current`, and write nothing that the release before would not survive.
create or replace trigger entry_rests after update of waiting_since, last_outbound_at on conversation
for each row when (new.waiting_since is distinct from old.waiting_since or new.last_outbound_at is distinct from old.last_outbound_at)
execute function entry_rests();
create or replace trigger entry_begins_resting before insert on queue_entry
for each row when (new.state = 'assigned') execute function entry_rests_at_once();
create or replace trigger entry_goes_on_resting before update of state on queue_entry
for each row when (new.state = 'assigned' and old.state <> 'assigned') execute function entry_rests_at_once();
create or replace trigger sending_stands before update of state on outbound for each row
when (new.state in ('claimed', 'wire') and old.state is distinct from new.state) execute function sending_stands();
create or replace trigger conversations_begin after insert on conversation
referencing new table as made for each statement execute function conversations_begin();
create or replace trigger conversation_moves after update of status, queue_id on conversation
for each row when (new.status <> old.status or new.queue_id is distinct from old.queue_id) execute function conversation_moves();
create or replace trigger conversation_goes after delete on conversation for each row execute function conversation_moves();
create or replace trigger entries_begin after insert on queue_entry
referencing new table as made for each statement execute function entries_begin();
create or replace trigger entry_moves after update of state, queue_id on queue_entry
for each row when ((new.state in ('waiting', 'offered')) <> (old.state in ('waiting', 'offered'))
                   or (new.queue_id <> old.queue_id and new.state in ('waiting', 'offered'))) execute function entry_moves();
create or replace trigger entry_goes after delete on queue_entry for each row execute function entry_moves();
create or replace trigger conversations_emptied after truncate on conversation for each statement execute function counted_anew();
create or replace trigger entries_emptied after truncate on queue_entry for each statement execute function counted_anew();
-- What was there before the triggers were, or changed while they were not.
select recount();
