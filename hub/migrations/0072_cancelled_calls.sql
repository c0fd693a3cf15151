-- A callback that waits for an agent is called off when its conversation is resolved.
alter table call drop constraint call_outcome_check;
alter table call add constraint call_outcome_check check (outcome in (
    'answered', 'abandoned', 'left_menu', 'voicemail', 'callback', 'closed', 'no_answer', 'busy', 'failed', 'cancelled'));
