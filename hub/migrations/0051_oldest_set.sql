-- The oldest set of functions that is kept, and so the oldest hub that may run: raised by a release, when it drops older
-- sets. 0 is 0.1.0's.
alter table compatibility add column oldest_set integer not null default 0;
