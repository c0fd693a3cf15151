-- The visitor that stands for somebody whose identity a site has proved: the same on each of their browsers.
create table chat_identity (
    account_id bigint not null references account,
    subject    text   not null, -- as the site's signed token names them
    visitor    text   not null unique,
    created_at timestamptz not null default now(),
    primary key (account_id, subject)
);

-- Browsers whose visitor signed out: their tokens count no more, in no tab.
create table chat_sign_out (
    browser text        primary key,
    until   timestamptz not null -- when the last of its tokens would have expired
);
create index chat_sign_out_until on chat_sign_out (until);
