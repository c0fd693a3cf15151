-- Mails that answered one which was not here yet: RFC 5322 §3.6.4 knows no order of arrival.
create table early_answer (
    reference text not null, -- the id of the mail that is awaited
    answer    text not null, -- the id of the mail that answers it
    at        timestamptz not null default now(),
    primary key (reference, answer)
);
create index early_answer_at on early_answer (at);
