-- concurrently
-- What an agent holds: without the answered matters of a desk, of which there may be hundreds.
create index concurrently if not exists queue_entry_holding on queue_entry (agent_id)
where state in ('offered', 'wrapping') or (state = 'assigned' and not resting);
