-- What a conversation's last words are when the hub chose them (a call, a message of files alone): a code with its
-- parameters, so that screens say them in their reader's language, and the English `text` that stands in `preview` while
-- these are the last words.
alter table conversation add column said jsonb;
