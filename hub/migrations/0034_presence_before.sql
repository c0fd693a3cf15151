-- What somebody's presence was when their connection was lost: it is theirs again when they are back soon.
alter table agent_state add column state_before text, add column reason_before text;
