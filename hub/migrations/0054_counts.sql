-- How many conversations are open, put aside or waiting in each queue, kept as they change (attached/triggers.sql,
-- functions/counts.sql). A change is a row of its own, so that no two transactions wait for the same count; the scheduler
-- adds them up. What a desk is shown is the sum of both, exact at every moment.
create table queue_count (
    queue_id bigint not null, -- 0: of no queue
    what     text not null check (what in ('open', 'snoozed', 'waiting')),
    n        bigint not null,
    primary key (queue_id, what)
);

create table queue_count_change (
    queue_id bigint not null,
    what     text   not null,
    n        bigint not null -- more, or fewer when below 0
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_insert_scale_factor = 0,
        autovacuum_analyze_scale_factor = 1, autovacuum_analyze_threshold = 10000);
