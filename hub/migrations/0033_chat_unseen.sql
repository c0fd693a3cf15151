-- Agents' answers in a chat that their visitor may not have seen: looked at once it is clear whether they were there.
create table chat_unseen (
    interaction_id bigint primary key references interaction,
    address_id     bigint not null references address, -- the visitor's
    at             timestamptz not null, -- of the answer
    due_at         timestamptz not null,
    state          text   not null default 'waiting' check (state in ('waiting', 'left')) -- left: they see it on their return
);
create index chat_unseen_due on chat_unseen (due_at) where state = 'waiting';
create index chat_unseen_address on chat_unseen (address_id);
