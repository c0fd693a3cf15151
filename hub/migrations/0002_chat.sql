-- What each chat visitor may see, numbered without gaps: the connector's own log beside the record.
-- A row is a place in the visitor's sequence; what it shows is read from the record at that moment.

create table chat_visitor (
    address_id bigint primary key references address,
    seq        bigint      not null default 0, -- of the last chat_log row; this row's lock orders them
    told       jsonb       not null default '{}', -- the status last shown
    told_at    timestamptz not null default '-infinity',
    socket     text,        -- the connection that came last
    seen_at    timestamptz not null default now(),
    left_at    timestamptz, -- when that connection closed
    gone       boolean not null default true -- noticed as gone; false while connected or within the grace
);
create index chat_visitor_here on chat_visitor (seen_at) where not gone;

create table chat_log (
    address_id     bigint not null references chat_visitor,
    seq            bigint not null,
    kind           text   not null check (kind in ('message', 'status', 'rating.ask')),
    interaction_id bigint references interaction,
    primary key (address_id, seq)
);
create unique index chat_log_interaction on chat_log (interaction_id) where interaction_id is not null;

create index interaction_chat on interaction (address_id, id) where channel = 'chat' and kind = 'message';
