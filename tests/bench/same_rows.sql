-- new_texts: What a hundred texts of a hundred strangers leave in the tables, written by the shortest statement that leaves it: no
-- look-up, no rule, no lock, nothing that could be refused. What is left between this and `intake` is what intake decides.
with item as materialized (
    select number, text, nextval('raw_id_seq') as raw, nextval('contact_id_seq') as contact, nextval('address_id_seq') as address,
           nextval('conversation_id_seq') as conversation, nextval('interaction_id_seq') as interaction,
           nextval('queue_entry_id_seq') as entry
    from unnest(%(numbers)s::text[], %(texts)s::text[]) as t (number, text)
), kept as (
    insert into raw (id, account_id, connector, dedup_key, content_type, body) overriding system value
    select raw, 1, 'fake', number, 'text/plain', convert_to(text, 'UTF8') from item
), customer as (
    insert into contact (id, root_id, name) overriding system value select contact, contact, '' from item
), reachable as (
    insert into address (id, contact_id, kind, value) overriding system value select address, contact, 'phone', number from item
), known as (
    insert into phone_person (number, contact_id) select number, contact from item
), opened as (
    insert into conversation (id, contact_id, account_id, channel, preview, queue_id, seq, interaction_seq, waiting_since, last_inbound_at)
    overriding system value
    select conversation, contact, 1, 'sms', text, 1, 1, 1, now(), now() from item
), threaded as (
    insert into thread (account_id, address_id, conversation_id) select 1, address, conversation from item
), written as (
    insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id, text, status, raw_id)
    overriding system value
    select interaction, conversation, contact, 1, 'message', 'in', 'sms', 1, address, text, 'received', raw from item
), queued as (
    insert into queue_entry (id, conversation_id, queue_id, channel, target_seconds, weight) overriding system value
    select entry, conversation, 1, 'sms', 60, 20 from item
)
insert into event (kind, contact_id, conversation_id, conversation_seq, queue_id, data)
select 'interaction.created', contact, conversation, 1, null::bigint, jsonb_build_object(
    'new', true, 'channel', 'sms', 'automatic', false, 'direction', 'in', 'interaction_id', interaction) from item
union all
select 'entry.queued', null, conversation, null, 1, jsonb_build_object('channel', 'sms', 'entry_id', entry, 'queued_at', now()) from item;
