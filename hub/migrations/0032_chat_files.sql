-- Files that visitors of a chat site have sent and not yet put into a message: theirs alone, and for a day at most.
create table chat_upload (
    account_id   bigint not null references account,
    visitor      text   not null, -- as in their token; they may have written nothing yet
    client_id    text   not null, -- the widget's: the same file again is the same upload
    name         text   not null,
    content_type text   not null,
    body         bytea  not null,
    created_at   timestamptz not null default now(),
    primary key (account_id, visitor, client_id)
);
alter table chat_upload alter column body set storage external;
create index chat_upload_age on chat_upload (created_at);
