-- How the parts of the services fare: one row for each that has ever failed, cleared when it works again.
create table service_health (
    service       text not null,
    part          text not null,
    failures      integer not null default 0, -- since it last worked
    error         text,
    failing_since timestamptz,
    failed_at     timestamptz,
    primary key (service, part)
);

-- A follow-up that breaks is tried a few times, later each time, and holds up no other.
alter table follow_up add column attempts integer not null default 0;
