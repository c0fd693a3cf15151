-- message_of: The id of some mail of a conversation.
select external_id from interaction
where conversation_id = %(id)s and external_id is not null order by seq desc limit 1;
