-- The HTML of messages as it may be shown: cleaned once, when it came, and never by whoever shows it.

create table page (
    interaction_id bigint primary key,
    version        integer not null, -- of the rules it was cleaned by; older ones are cleaned again before they are shown
    own            text,             -- what its writer wrote; null: it could not be cleaned, and only the text is shown
    whole          text,             -- with what they quote; null: the same as own
    pictures       text[]  not null default '{}', -- what the marks `/picture/N` in them stand for
    error          text
);
