-- Failed attempts to sign in: a row for each thing that is counted, forgotten a while after the last failure.
create table sign_in_failure (
    key      bytea       primary key, -- SHA-256 of what is counted: a device, an account seen from a network, a network
    failures integer     not null,
    last_at  timestamptz not null
);
create index sign_in_failure_age on sign_in_failure (last_at);
