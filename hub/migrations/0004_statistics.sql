-- What came and what was answered per queue and five minutes, at the moment it happened: the board's curve.
create table stat_flow (
    queue_id bigint      not null,
    at       timestamptz not null, -- start of the five minutes
    arrived  integer     not null default 0,
    answered integer     not null default 0,
    primary key (at, queue_id)
);
