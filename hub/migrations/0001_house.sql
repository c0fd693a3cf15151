-- The ground: who works here, who writes to us, what was said, where it waits, and the log of every change.
-- Times are timestamptz in UTC. Foreign keys guard what people configure; rows that intake makes together carry none
-- (docs/decisions/0006-foreign-keys.md): a check and a row lock on the same few accounts and queues for every message
-- would cost more than the message. Race-prone steps are single conditional UPDATEs on these tables.

create table meta (
    key   text primary key,
    value jsonb not null
);

-- Whatever only one process may do holds a row here; every write it makes checks the epoch.
create table lease (
    name       text primary key,
    holder     text        not null,
    epoch      bigint      not null,
    expires_at timestamptz not null
);

-- ---------------------------------------------------------------- the log
-- Append-only. `xid` is the writing transaction: a reader orders by (xid, id) and reads only below
-- pg_snapshot_xmin(pg_current_snapshot()), so that a late commit is never skipped.
create table event (
    id               bigint generated always as identity primary key,
    xid              xid8        not null default pg_current_xact_id(),
    at               timestamptz not null default clock_timestamp(),
    kind             text        not null,
    contact_id       bigint,
    conversation_id  bigint,
    conversation_seq bigint,
    agent_id         bigint,
    agent_seq        bigint,
    queue_id         bigint,
    actor_id         bigint, -- the agent who did it; null: the hub itself or the customer
    data             jsonb       not null default '{}'
);
create index event_log on event (xid, id);
create unique index event_conversation on event (conversation_id, conversation_seq) where conversation_seq is not null;
create unique index event_agent on event (agent_id, agent_seq) where agent_seq is not null;

create table event_cursor (
    reader text primary key,
    xid    xid8   not null default '0',
    id     bigint not null default 0
);

-- ---------------------------------------------------------------- the people who answer
create table hours (
    id       bigint generated always as identity primary key,
    key      text  not null unique,
    timezone text  not null,              -- IANA
    week     jsonb not null default '{}', -- {"mon": [["09:00","12:30"],["13:30","18:00"]], …}; an end before its start passes midnight
    holidays jsonb not null default '[]'  -- ["2026-12-25", {"date": "2026-12-24", "open": [["09:00","12:00"]]}, {"country": "CN"}]
);

create table queue (
    id                     bigint generated always as identity primary key,
    key                    text    not null unique,
    name                   text    not null,
    target_seconds         integer not null default 60 check (target_seconds >= 0),  -- due = entered + target - priority
    service_level_seconds  integer not null default 20 check (service_level_seconds >= 0),
    short_abandon_seconds  integer not null default 5 check (short_abandon_seconds >= 0),
    priority_seconds       integer not null default 0,
    wrap_up_seconds        integer not null default 0 check (wrap_up_seconds >= 0),
    hours_id               bigint references hours,
    archived_at            timestamptz
);

create table skill (
    id   bigint generated always as identity primary key,
    key  text not null unique,
    name text not null
);

create table agent (
    id            bigint generated always as identity primary key,
    email         text not null check (email = lower(email)),
    name          text not null,
    role          text not null default 'agent' check (role in ('agent', 'supervisor', 'admin')),
    password_hash text,
    locale        text not null default 'en',
    theme         text not null default 'auto' check (theme in ('auto', 'light', 'dark')),
    capacity      integer not null default 100 check (capacity >= 0), -- sum of the weights of what one agent holds at once
    disabled_at   timestamptz,
    created_at    timestamptz not null default now(),
    unique (email)
);

-- Presence and what belongs to the agent's own topic `u:{id}`. The row lock orders agent_seq.
create table agent_state (
    agent_id   bigint primary key references agent,
    state      text        not null default 'offline' check (state in ('available', 'away', 'busy', 'offline')),
    reason     text,
    since      timestamptz not null default now(),
    idle_since timestamptz not null default now(), -- last moment work ended: "longest idle"
    missed     integer     not null default 0,     -- offers timed out in a row
    connected_until timestamptz, -- some screen is open until then; null: never had one (a script), never counted out
    seq        bigint      not null default 0
);

create table agent_queue (
    agent_id bigint not null references agent,
    queue_id bigint not null references queue,
    primary key (agent_id, queue_id)
);
create index agent_queue_by_queue on agent_queue (queue_id);

create table agent_skill (
    agent_id bigint  not null references agent,
    skill_id bigint  not null references skill,
    level    integer not null check (level between 1 and 5),
    primary key (agent_id, skill_id)
);

-- How much one item of a channel weighs and how it is offered. agent_channel overrides the maximum for one agent.
create table channel_policy (
    channel               text primary key,
    weight                integer not null check (weight >= 0),
    max_per_agent         integer not null check (max_per_agent >= 0),
    offer_timeout_seconds integer not null check (offer_timeout_seconds > 0),
    auto_accept           boolean not null default false
);
insert into channel_policy (channel, weight, max_per_agent, offer_timeout_seconds) values
    ('voice', 100, 1, 20), ('chat', 25, 4, 30), ('sms', 20, 5, 60), ('whatsapp', 20, 5, 60), ('email', 10, 10, 120);

create table agent_channel (
    agent_id      bigint  not null references agent,
    channel       text    not null references channel_policy,
    max_per_agent integer not null check (max_per_agent >= 0),
    primary key (agent_id, channel)
);

-- ---------------------------------------------------------------- ways in and out
create table account (
    id               bigint generated always as identity primary key,
    key              text    not null unique,
    connector        text    not null, -- entry point of group hub.connectors
    channel          text    not null,
    name             text    not null,
    address          text,             -- our own mail address or number; null for chat
    settings         jsonb   not null default '{}', -- the connector's Settings model, without secrets
    secrets          bytea,            -- the same model's secret fields, encrypted
    queue_id         bigint references queue,
    requirements     jsonb   not null default '[]', -- steps, see queue_entry.requirements
    priority_seconds integer not null default 0,
    locale           text,
    enabled          boolean not null default true,
    health           jsonb   not null default '{}'
);

-- ---------------------------------------------------------------- customers
create table contact (
    id          bigint generated always as identity primary key,
    root_id     bigint not null,          -- the record that stands for this person; itself unless linked
    merged_into bigint references contact, -- set on a root when it is linked into another; undone by clearing it
    name        text   not null default '',
    locale      text,
    timezone    text,
    attributes  jsonb  not null default '{}',
    created_at  timestamptz not null default now()
);
create index contact_root on contact (root_id);
create index contact_created on contact (created_at desc, id desc);

create table contact_link (
    id         bigint generated always as identity primary key,
    contact_id bigint not null references contact, -- the root that was linked
    into_id    bigint not null references contact,
    linked_by  bigint references agent,
    linked_at  timestamptz not null default now(),
    undone_by  bigint references agent,
    undone_at  timestamptz
);
create unique index contact_link_live on contact_link (contact_id) where undone_at is null;

create table address (
    id           bigint generated always as identity primary key,
    contact_id   bigint not null,
    kind         text   not null, -- email, phone, whatsapp, visitor
    value        text   not null, -- normalised
    verified_at  timestamptz,
    opted_out_at timestamptz,
    created_at   timestamptz not null default now(),
    unique (kind, value)
);
create index address_contact on address (contact_id);

-- ---------------------------------------------------------------- what was said
create table conversation (
    id               bigint generated always as identity primary key,
    contact_id       bigint not null,
    account_id       bigint,
    channel          text   not null, -- of the last message
    subject          text   not null default '',
    preview          text   not null default '',
    status           text   not null default 'open' check (status in ('open', 'snoozed', 'resolved')),
    queue_id         bigint,
    agent_id         bigint references agent, -- whose desk it is on
    seq              bigint not null default 0, -- of topic c:{id}; ordered by this row's lock
    interaction_seq  bigint not null default 0, -- of the last message either way
    read_seq         bigint not null default 0, -- read on the desk up to here
    waiting_since    timestamptz, -- the customer's oldest unanswered message
    first_reply_at   timestamptz,
    last_inbound_at  timestamptz,
    last_outbound_at timestamptz,
    snoozed_until    timestamptz,
    resolved_at      timestamptz,
    disposition      text,
    failed           boolean not null default false, -- the last answer did not leave
    reopened         integer not null default 0,
    created_at       timestamptz not null default now(),
    updated_at       timestamptz not null default now()
);
create index conversation_agent on conversation (agent_id, updated_at desc, id desc) where agent_id is not null and status <> 'resolved';
create index conversation_queue on conversation (queue_id, updated_at desc, id desc);
create index conversation_contact on conversation (contact_id, created_at desc);
create index conversation_updated on conversation (updated_at desc, id desc);
create index conversation_snoozed on conversation (snoozed_until) where status = 'snoozed';

-- Where the next message from an address on an account belongs, for channels without thread headers.
create table thread (
    account_id      bigint not null,
    address_id      bigint not null,
    conversation_id bigint not null,
    primary key (account_id, address_id)
);

create table interaction (
    id              bigint generated always as identity primary key,
    conversation_id bigint not null,
    contact_id      bigint not null,
    seq             bigint not null, -- the conversation_seq of the event that logged it
    kind            text   not null check (kind in ('message', 'note', 'system')),
    direction       text   not null check (direction in ('in', 'out', 'internal')),
    channel         text,
    account_id      bigint,
    address_id      bigint,
    agent_id        bigint references agent,
    subject         text   not null default '',
    text            text   not null default '',
    html            text,
    external_id     text,   -- Message-ID, MessageSid, widget message id
    client_id       text,   -- made by whoever wrote it here; makes writing idempotent
    status          text   not null default 'received',
    error           text,
    verified        boolean not null default false, -- the sender is proved to own the address
    automatic       boolean not null default false, -- written by a robot: stored, never answered
    meta            jsonb  not null default '{}',
    raw_id          bigint,
    at              timestamptz not null default now()
);
create unique index interaction_seq on interaction (conversation_id, seq);
create unique index interaction_client on interaction (conversation_id, client_id) where client_id is not null;
create index interaction_started on interaction (agent_id, client_id) where seq = 1 and direction = 'out';
create index interaction_external on interaction (external_id) where external_id is not null;
create index interaction_contact on interaction (contact_id, at desc, id desc);

create table attachment (
    id             bigint generated always as identity primary key,
    interaction_id bigint, -- null: uploaded, not yet sent
    uploaded_by    bigint references agent,
    name           text   not null,
    content_type   text   not null,
    content_id     text,
    inline         boolean not null default false,
    body           bytea  not null,
    created_at     timestamptz not null default now()
);
create index attachment_interaction on attachment (interaction_id);
alter table attachment alter column body set storage external;

-- ---------------------------------------------------------------- intake
-- The bytes as they came, under the sender's own key. Quarantine is a state, not another place.
create table raw (
    id           bigint generated always as identity primary key,
    account_id   bigint,
    connector    text  not null,
    dedup_key    text  not null,
    content_type text  not null default 'application/octet-stream',
    body         bytea not null,
    state        text  not null default 'accepted' check (state in ('accepted', 'quarantined', 'discarded')),
    reason       text,
    meta         jsonb not null default '{}', -- what a replay needs beside the bytes (envelope, headers)
    received_at  timestamptz not null default now(),
    unique nulls not distinct (connector, account_id, dedup_key)
);
create index raw_quarantine on raw (received_at) where state = 'quarantined';

-- ---------------------------------------------------------------- the queue
create table queue_entry (
    id               bigint generated always as identity primary key,
    conversation_id  bigint not null,
    queue_id         bigint not null,
    channel          text   not null,
    state            text   not null default 'waiting' check (state in ('waiting', 'offered', 'assigned', 'wrapping', 'closed')),
    entered_at       timestamptz not null default now(), -- kept through re-offers, transfers may keep it too
    queued_at        timestamptz not null default now(), -- entered this queue: what statistics count from
    target_seconds   integer not null,
    priority_seconds integer not null default 0,
    weight           integer not null,
    -- steps tried one after another: [{"skills": {"billing": 3}, "seconds": 30}, {"skills": {}, "seconds": null}];
    -- `seconds`: how long after entering this step still holds; an empty list means anybody in the queue
    requirements     jsonb  not null default '[]',
    sticky_agent_id  bigint,
    sticky_until     timestamptz,
    excluded         jsonb  not null default '{}', -- agent id -> until (ISO): declined or missed it
    agent_id         bigint, -- of the offer or the assignment
    offer_id         bigint,
    offers           integer not null default 0,
    assigned_at      timestamptz,
    wrap_up_until    timestamptz,
    closed_at        timestamptz,
    outcome          text -- answered, abandoned, transferred, resolved, snoozed, callback
);
create unique index queue_entry_live on queue_entry (conversation_id) where state <> 'closed';
create index queue_entry_waiting on queue_entry (queue_id, entered_at) where state = 'waiting';
create index queue_entry_agent on queue_entry (agent_id) where state in ('offered', 'assigned', 'wrapping');
create index queue_entry_wrapping on queue_entry (wrap_up_until) where state = 'wrapping';

create table offer (
    id         bigint generated always as identity primary key,
    entry_id   bigint not null,
    agent_id   bigint not null,
    state      text   not null default 'offered' check (state in ('offered', 'accepted', 'declined', 'timed_out', 'rescinded')),
    offered_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at   timestamptz,
    reason     text,
    epoch      bigint not null
);
create unique index offer_one_live on offer (entry_id) where state = 'offered';
create index offer_due on offer (expires_at) where state = 'offered';
create index offer_agent on offer (agent_id, offered_at desc);

-- Why: the candidates of each decision and why each was passed over.
create table decision (
    id         bigint generated always as identity primary key,
    entry_id   bigint not null,
    offer_id   bigint,
    agent_id   bigint,
    key        double precision not null,
    reason     text   not null,
    candidates jsonb  not null default '[]',
    at         timestamptz not null default now()
);
create index decision_entry on decision (entry_id, id);

-- ---------------------------------------------------------------- the wire
create table outbound (
    id              bigint generated always as identity primary key,
    interaction_id  bigint not null unique references interaction,
    conversation_id bigint not null references conversation,
    account_id      bigint not null references account,
    connector       text   not null,
    payload         jsonb  not null, -- an Outbound: everything the connector needs, Message-ID and Date included
    state           text   not null default 'pending' check (state in ('pending', 'claimed', 'wire', 'sent', 'failed', 'unknown', 'cancelled')),
    rank            integer not null default 0, -- of the delivery reports: sent 1, delivered 2, read 3
    attempt         integer not null default 0,
    due_at          timestamptz not null default now(),
    lease_until     timestamptz,
    provider_id     text,
    error           text,
    created_at      timestamptz not null default now(),
    wire_at         timestamptz,
    done_at         timestamptz
);
create index outbound_due on outbound (due_at) where state = 'pending';
create index outbound_leased on outbound (lease_until) where state in ('claimed', 'wire');
create index outbound_order on outbound (conversation_id, account_id, id) where state in ('pending', 'claimed', 'wire');
create index outbound_provider on outbound (provider_id) where provider_id is not null;

-- A delivery report that came before the send was recorded, or for nothing we know: kept, applied later.
create table delivery (
    id          bigint generated always as identity primary key,
    connector   text   not null,
    provider_id text   not null,
    outbound_id bigint,
    status      text   not null,
    error       text,
    received_at timestamptz not null default now(),
    unique (connector, provider_id, status)
);

create table follow_up (
    id              bigint generated always as identity primary key,
    key             text   not null unique, -- (kind, conversation, occasion): scheduling twice is once
    kind            text   not null,
    conversation_id bigint not null references conversation,
    due_at          timestamptz not null,
    state           text   not null default 'scheduled' check (state in ('scheduled', 'fired', 'cancelled')),
    stops_on_reply  boolean not null default true,
    payload         jsonb  not null default '{}',
    reason          text,
    created_at      timestamptz not null default now(),
    ended_at        timestamptz
);
create index follow_up_due on follow_up (due_at) where state = 'scheduled';
create index follow_up_conversation on follow_up (conversation_id) where state = 'scheduled';

create table template (
    id      bigint generated always as identity primary key,
    key     text not null,
    locale  text not null default 'en',
    name    text not null,
    channel text,
    subject text not null default '',
    body    text not null,
    unique (key, locale)
);

create table disposition (
    key      text primary key,
    name     text not null,
    position integer not null default 0
);

create table rating (
    conversation_id bigint primary key references conversation,
    agent_id        bigint references agent,
    score           integer not null check (score between 1 and 5),
    comment         text not null default '',
    at              timestamptz not null default now()
);

-- ---------------------------------------------------------------- numbers
-- Counts and sums per queue, channel and quarter of an hour of entering; rebuilt from the log at will.
create table stat_bucket (
    queue_id      bigint      not null,
    channel       text        not null,
    at            timestamptz not null, -- start of the 15 minutes in which the entry was queued
    entered       integer not null default 0,
    answered      integer not null default 0,
    answered_in_target integer not null default 0,
    abandoned     integer not null default 0, -- short ones not counted here
    short_abandoned integer not null default 0,
    flowed_out    integer not null default 0,
    wait_seconds  double precision not null default 0, -- of the answered
    primary key (queue_id, channel, at)
);

-- ---------------------------------------------------------------- access
create table session (
    id         bytea primary key, -- SHA-256 of the cookie's token
    agent_id   bigint not null references agent,
    user_agent text   not null default '',
    ip         text   not null default '',
    created_at timestamptz not null default now(),
    seen_at    timestamptz not null default now(),
    expires_at timestamptz not null
);
create index session_agent on session (agent_id);

create table api_token (
    id           bigint generated always as identity primary key,
    hash         bytea  not null unique,
    agent_id     bigint not null references agent,
    name         text   not null,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz,
    last_used_at timestamptz
);

create table invitation (
    hash       bytea primary key,
    agent_id   bigint not null references agent,
    expires_at timestamptz not null,
    used_at    timestamptz
);

create table login_attempt (
    key    text        not null, -- account or network address
    window_start timestamptz not null,
    count  integer     not null default 0,
    primary key (key, window_start)
);
