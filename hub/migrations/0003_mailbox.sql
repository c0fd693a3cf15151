-- How far each IMAP folder has been read (RFC 3501 §2.3.1.1: a UID means something only under its UIDVALIDITY).
create table mailbox (
    account_id  bigint not null references account,
    folder      text   not null,
    uidvalidity bigint not null,
    uid         bigint not null,      -- read up to here
    since       timestamptz,          -- older mail was never wanted, not after a change of UIDVALIDITY either
    primary key (account_id, folder)
);
