-- concurrently
-- Which rows name bytes outside the database: few or none for most, and asked for each file that may have become nobody's.
create index concurrently if not exists attachment_file on attachment (file_id) where file_id is not null;

create index concurrently if not exists raw_file on raw (file_id) where file_id is not null;

create index concurrently if not exists call_recording_file on call_recording (file_id) where file_id is not null;
