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
