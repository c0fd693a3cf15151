-- Whom we asked how it was, and when, on whichever channel: one person is not asked again and again.
create table survey_asked (
    conversation_id bigint primary key,
    contact_id      bigint      not null references contact, -- as it was then; linked records are one person
    at              timestamptz not null default clock_timestamp()
);
create index survey_asked_contact on survey_asked (contact_id, at);

insert into survey_asked (conversation_id, contact_id, at)
select f.conversation_id, v.contact_id, max(f.ended_at)
from follow_up f join conversation v on v.id = f.conversation_id
where f.kind = 'satisfaction' and f.state = 'fired' and f.ended_at > now() - interval '90 days'
group by 1, 2;
