-- Why a report says that a message did not arrive, and why a file is not here: codes with parameters (hub/channels/reasons.py),
-- beside the English of them.
alter table delivery add column code text, add column params jsonb;
alter table media add column code text, add column params jsonb;
