-- What mail needs beside the house: signatures, texts for one account only, patience counted from when a send was
-- meant to leave, what each mailbox holds, and the tokens of mailboxes that are opened by OAuth 2.

alter table account add column signature text not null default ''; -- below every answer; {{agent.name}} and the like are filled in
alter table template add column account text; -- the key of the one account it is for; null: any

alter table outbound add column begun_at timestamptz not null default now(); -- when trying began: two days later we give up
update outbound set begun_at = created_at;
create index outbound_unsettled on outbound (due_at) where state = 'unknown';

-- How far the first reading of a mailbox has come.
alter table mailbox add column first_total integer;     -- messages that were wanted of it
alter table mailbox add column first_done  integer not null default 0;

-- Which of a folder's messages were taken in, and under which key their bytes lie in `raw`.
create table mailbox_message (
    account_id  bigint not null references account,
    folder      text   not null,
    uidvalidity bigint not null,
    uid         bigint not null,
    dedup_key   text   not null,
    primary key (account_id, folder, uidvalidity, uid)
);

-- What the provider gave us last for a refresh token: providers change that, and several processes need it.
create table oauth_token (
    account_id bigint primary key references account,
    origin     text        not null, -- which configured refresh token it came from (a hash)
    secrets    bytea       not null, -- access and refresh token, encrypted
    expires_at timestamptz not null
);
