-- concurrently
-- What was done to the things that administrators keep: a few rows of a long log.
create index concurrently if not exists event_of_record on event ((data ->> 'noun'), (data ->> 'record_id'), id) where kind = 'config.record';
