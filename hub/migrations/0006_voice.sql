-- Telephone calls: legs and their times, what was reported, what we asked for, callbacks, recordings, devices.
insert into channel_policy (channel, weight, max_per_agent, offer_timeout_seconds) values ('voicemail', 20, 3, 120)
on conflict do nothing;

-- A call is one interaction. Its room (a conference) is named after it: `call-{id}`.
create table call (
    id              bigint generated always as identity primary key,
    account_id      bigint not null,
    conversation_id bigint not null,
    interaction_id  bigint not null,
    direction       text   not null check (direction in ('in', 'out')),
    kind            text   not null default 'call' check (kind in ('call', 'callback')),
    external_id     text, -- of the customer's first leg; null until we have dialled it
    number          text   not null, -- the customer's
    our_number      text   not null,
    state           text   not null default 'menu' check (state in ('menu', 'queued', 'connecting', 'talking', 'voicemail', 'ended')),
    locale          text   not null default 'en',
    tries           integer not null default 0, -- of the menu
    queue_id        bigint,
    entry_id        bigint,
    agent_id        bigint, -- who talks, or talked last
    outcome         text check (outcome in ('answered', 'abandoned', 'left_menu', 'voicemail', 'callback', 'closed', 'no_answer', 'busy', 'failed')),
    disposition     text,
    recording       text   not null default 'off' check (recording in ('off', 'on', 'paused')),
    started_at      timestamptz not null default clock_timestamp(),
    queued_at       timestamptz,
    answered_at     timestamptz, -- customer and agent in one room
    ended_at        timestamptz,
    wrapped_at      timestamptz,
    menu_seconds    integer,
    wait_seconds    integer,
    talk_seconds    integer,
    hold_seconds    integer,
    wrap_seconds    integer
);
create unique index call_external on call (account_id, external_id) where external_id is not null;
create index call_conversation on call (conversation_id, id desc);
create index call_live on call (id) where state <> 'ended';
create index call_entry on call (entry_id) where state <> 'ended';
create index call_unwrapped on call (entry_id) where state = 'ended' and outcome = 'answered' and wrapped_at is null;

-- One telephone in a call. Times only ever become known; presence and hold follow the newest report (at, seq).
create table call_leg (
    id          bigint generated always as identity primary key,
    call_id     bigint not null references call,
    role        text   not null check (role in ('customer', 'agent', 'third', 'supervisor')),
    agent_id    bigint,
    offer_id    bigint,
    consult     boolean not null default false, -- asked for advice; takes over only when told to
    mode        text   not null default 'talk' check (mode in ('talk', 'takeover', 'listen', 'whisper', 'barge')),
    endpoint    text   not null, -- a number, or a device of ours
    external_id text,
    created_at  timestamptz not null default clock_timestamp(),
    ringing_at  timestamptz,
    answered_at timestamptz,
    joined_at   timestamptz, -- first in the room
    ended_at    timestamptz,
    end_reason  text, -- completed, busy, no_answer, failed, canceled
    present     boolean not null default false,
    present_at  timestamptz not null default '-infinity',
    present_seq integer not null default -1,
    held        boolean not null default false,
    held_at     timestamptz not null default '-infinity',
    held_seq    integer not null default -1,
    muted       boolean not null default false,
    ring_seconds integer
);
create unique index call_leg_external on call_leg (external_id) where external_id is not null;
create unique index call_leg_offer on call_leg (offer_id) where offer_id is not null;
create index call_leg_call on call_leg (call_id, id);
create index call_leg_live on call_leg (created_at) where ended_at is null;

-- Everything a provider reported, once each, as it came: times are computed from this.
create table call_event (
    id          bigint generated always as identity primary key,
    account_id  bigint not null,
    dedup_key   text   not null,
    call_id     bigint not null,
    leg_id      bigint,
    kind        text   not null,
    seq         integer,
    at          timestamptz not null, -- the provider's moment where it says one
    received_at timestamptz not null default clock_timestamp(),
    data        jsonb  not null default '{}',
    raw         jsonb  not null default '{}',
    unique (account_id, dedup_key)
);
create index call_event_call on call_event (call_id, at, seq);

-- What is asked of a provider: claimed, tried again or unknown, never asked twice by itself where that could ring twice.
create table call_command (
    id          bigint generated always as identity primary key,
    call_id     bigint not null references call,
    leg_id      bigint references call_leg,
    key         text   not null unique,
    kind        text   not null,
    data        jsonb  not null default '{}',
    state       text   not null default 'pending' check (state in ('pending', 'claimed', 'wire', 'done', 'failed', 'gone', 'unknown', 'cancelled')),
    attempt     integer not null default 0,
    due_at      timestamptz not null default clock_timestamp(),
    lease_until timestamptz,
    error       text,
    created_at  timestamptz not null default clock_timestamp(),
    done_at     timestamptz
);
create index call_command_due on call_command (due_at) where state = 'pending';
create index call_command_leased on call_command (lease_until) where state in ('claimed', 'wire');
create index call_command_order on call_command (call_id, id) where state in ('pending', 'claimed', 'wire');

create table callback (
    id              bigint generated always as identity primary key,
    conversation_id bigint not null references conversation,
    account_id      bigint not null references account,
    number          text   not null,
    queue_id        bigint not null references queue,
    agent_id        bigint references agent, -- who shall call, if anybody in particular
    due_at          timestamptz not null,
    entered_at      timestamptz, -- the place in the queue that was kept
    state           text   not null default 'scheduled' check (state in ('scheduled', 'waiting', 'done', 'failed', 'cancelled')),
    attempts        integer not null default 0,
    call_id         bigint references call, -- of the latest attempt
    note            text   not null default '',
    created_by      bigint references agent,
    created_at      timestamptz not null default clock_timestamp()
);
create index callback_due on callback (due_at) where state = 'scheduled';
create unique index callback_live on callback (account_id, number) where state in ('scheduled', 'waiting');

create table call_recording (
    id           bigint generated always as identity primary key,
    call_id      bigint not null references call,
    external_id  text   not null unique,
    kind         text   not null check (kind in ('call', 'voicemail')),
    state        text   not null default 'remote' check (state in ('remote', 'stored', 'deleted', 'lost')),
    seconds      integer not null default 0,
    content_type text,
    body         bytea,
    transcript   text,
    attempts     integer not null default 0,
    due_at       timestamptz not null default clock_timestamp(),
    gone_there   boolean not null default false, -- deleted at the provider
    error        text,
    expires_at   timestamptz,
    created_at   timestamptz not null default clock_timestamp()
);
alter table call_recording alter column body set storage external;
create index call_recording_call on call_recording (call_id);
create index call_recording_due on call_recording (due_at) where state = 'remote' or (state = 'stored' and not gone_there);
create index call_recording_expiry on call_recording (expires_at) where state = 'stored';

-- Where an agent is rung. A browser counts while its page says so; a telephone always does.
create table agent_device (
    agent_id    bigint primary key references agent,
    kind        text   not null check (kind in ('browser', 'phone')),
    number      text, -- of the phone
    ready_until timestamptz not null default '-infinity', -- of the browser
    check ((kind = 'phone') = (number is not null))
);
