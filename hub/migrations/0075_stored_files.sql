-- Bytes that lie outside the database: in a folder or in an S3-compatible store, under their SHA-256 and the row's id.
-- `writing`: they are being written; `kept`: they are durable there, and rows may name them; `leaving`: no row names them,
-- and they are removed. An id is never used twice, so that a late removal can meet nothing that was written since.
create table stored_file (
    id         bigint generated always as identity primary key,
    sha256     bytea  not null check (octet_length(sha256) = 32),
    size       bigint not null,
    place      text   not null check (place in ('folder', 's3')),
    state      text   not null default 'writing' check (state in ('writing', 'kept', 'leaving')),
    at         timestamptz not null default clock_timestamp(), -- of the last step
    unnamed_at timestamptz, -- when no row was first seen to name it
    missing_at timestamptz  -- when it was first seen not to be where it should
);
create unique index stored_file_kept on stored_file (sha256, place) where state = 'kept'; -- the same bytes once
create index stored_file_open on stored_file (state, at) where state <> 'kept';
create index stored_file_missing on stored_file (missing_at) where missing_at is not null;

-- A row has its bytes, or the id of where they are; neither when they were not kept any longer.
alter table attachment add column file_id bigint, add column size bigint, alter column body drop not null;
alter table raw add column file_id bigint, alter column body drop not null;
alter table call_recording add column file_id bigint;
