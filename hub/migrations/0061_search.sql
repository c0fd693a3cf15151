-- What is searched: a row for each message and each person, kept up to date from the log (hub/search). Its words are made
-- by the hub, so that they do not depend on the locale of the database.
create table search_doc (
    id              bigint primary key, -- of the interaction: rises with time
    conversation_id bigint not null,
    words           tsvector not null   -- with the month in which it was logged, as @m and a number
);
create index search_doc_words on search_doc using gin (words) with (fastupdate = off);
create index search_doc_conversation on search_doc (conversation_id, id);

create table search_contact (
    id    bigint primary key, -- of the contact that stands for the person
    words tsvector not null
);
create index search_contact_words on search_contact using gin (words) with (fastupdate = off);
