-- Sending fairly and honestly: sends by recipient domain, accounts that cannot send for now, the workers that are alive,
-- and why a send has not left, as a code.

-- Where a send goes to, as far as one place may keep us waiting: the domain of a mail's recipient, else nothing.
create function outbound_lane(payload jsonb) returns text language sql immutable parallel safe as $$
    select lower(split_part(payload ->> 'to', '@', 2))
$$;
create index outbound_lane on outbound (account_id, outbound_lane(payload), due_at, id) where state = 'pending';

-- The sentence is in `error`; a code and what its words need, where there is one.
alter table outbound add column code text, add column params jsonb;

-- An account whose server takes nothing at all for now (away, a certificate, a password): one send at a time tries it
-- again, and the others wait for that. An account that can send has no row.
create table account_trouble (
    account_id bigint primary key references account,
    since      timestamptz not null default clock_timestamp(),
    failed_at  timestamptz not null default clock_timestamp(),
    failures   integer     not null default 1,
    next_at    timestamptz not null, -- of the next try
    code       text        not null,
    params     jsonb       not null default '{}',
    error      text        not null
);

-- Processes that send. One that has not been seen for a while is gone, whatever it held.
create table worker (
    name       text primary key,
    started_at timestamptz not null default clock_timestamp(),
    seen_at    timestamptz not null default clock_timestamp(),
    in_flight  integer     not null default 0
);
