-- What SMS, MMS and WhatsApp need beside the house: who agreed to what, files fetched after their message, the rate
-- and the spending of each number, and numbers that are known beside a provider's own id.

-- Who no longer wants our messages, and who wants them again: every word of it, kept for ever. What holds now is
-- `address.opted_out_at`; this says why.
create table consent (
    id          bigint generated always as identity primary key,
    address_id  bigint not null,
    account_id  bigint,          -- through which account it was said; null: of all
    channel     text   not null,
    wanted      boolean not null, -- false: no more messages
    source      text   not null check (source in ('provider', 'word', 'refused', 'complaint', 'link', 'agent')),
    detail      text   not null default '',
    raw_id      bigint,          -- the bytes that said it
    outbound_id bigint,          -- the send that was refused
    agent_id    bigint references agent,
    at          timestamptz not null default clock_timestamp()
);
create index consent_address on consent (address_id, id);
create unique index consent_raw on consent (raw_id) where raw_id is not null;
create unique index consent_refused on consent (outbound_id) where outbound_id is not null;

create function consent_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'consent is only ever added to';
end $$;
create trigger consent_is_kept before update or delete on consent for each row execute function consent_is_kept();

-- Addresses opted out before there was a ledger.
insert into consent (address_id, channel, wanted, source, detail, at)
select id, case kind when 'phone' then 'sms' else kind end, false, 'provider', 'before the ledger', opted_out_at
from address where opted_out_at is not null order by id;

-- A person who is known by a provider's id may have a telephone number beside it, or none.
alter table address add column number text;
create index address_number on address (kind, number) where number is not null;

-- The customer's last word to one of our accounts: what a reply window counts from.
create index interaction_window on interaction (address_id, account_id, at desc) where direction = 'in' and channel = 'whatsapp';

-- Files that a message names and that are fetched after it: by a worker, under a lease, until they are here or lost.
create table media (
    id             bigint generated always as identity primary key,
    interaction_id bigint  not null,
    account_id     bigint  not null,
    position       integer not null,
    url            text    not null,
    content_type   text    not null default '',
    state          text    not null default 'remote' check (state in ('remote', 'stored', 'lost')),
    gone_there     boolean not null default false, -- deleted at the provider, or never to be
    attempts       integer not null default 0,
    due_at         timestamptz not null default clock_timestamp(), -- of the next try; while one runs, of the end of its lease
    error          text,
    attachment_id  bigint,
    created_at     timestamptz not null default clock_timestamp(),
    unique (interaction_id, position)
);
create index media_due on media (due_at) where state = 'remote' or (state = 'stored' and not gone_there);

-- When an account with a bounded rate may send its next message; an account without one has no row.
create table pace (
    account_id bigint primary key references account,
    per_second double precision not null,
    next_at    timestamptz not null
);

create function account_is_paced() returns trigger language plpgsql as $$
declare
    rate double precision := (new.settings #>> '{limits,messages_per_second}')::double precision;
begin
    if rate > 0 then
        insert into pace values (new.id, rate, clock_timestamp())
        on conflict (account_id) do update set per_second = excluded.per_second;
    else
        delete from pace where account_id = new.id;
    end if;
    return null;
end $$;
create trigger account_is_paced after insert or update of settings on account for each row execute function account_is_paced();

-- What an account has sent on a day (UTC), in segments.
create table spending (
    account_id bigint  not null references account,
    day        date    not null,
    segments   integer not null default 0,
    primary key (account_id, day)
);
-- Null until a send is counted there: a second try costs nothing.
alter table outbound add column segments integer;
create index outbound_account on outbound (account_id, due_at, id) where state = 'pending';

-- A day at the provider held against ours, the latest comparison.
create table reconciliation (
    account_id bigint not null references account,
    day        date   not null,
    at         timestamptz not null default clock_timestamp(),
    provider   integer not null, -- messages the provider lists
    stored     integer not null, -- of those, how many we had
    fetched    integer not null, -- how many of the missing were taken in
    moved      integer not null, -- sends that were further than we knew
    foreign_   integer not null, -- sent through this number by somebody else
    primary key (account_id, day)
);
