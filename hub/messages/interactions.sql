-- next_id: An id before the row, for the event that carries it.
select nextval('interaction_id_seq');

-- insert: What was said, written or called.
insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id, agent_id,
    subject, text, html, external_id, client_id, status, automatic, meta, at) overriding system value
values (%(id)s, %(conversation_id)s, %(contact_id)s, %(seq)s, %(kind)s, %(direction)s, %(channel)s, %(account_id)s,
    %(address_id)s, %(agent_id)s, %(subject)s, %(text)s, %(html)s, %(external_id)s, %(client_id)s, %(status)s,
    %(automatic)s, %(meta)s, %(at)s);
