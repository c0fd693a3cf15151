-- Since when the provider's own list lacks a send of unknown outcome. It counts while it is later than `wire_at`: the next
-- attempt has its own.
alter table outbound add column absent_at timestamptz;
