-- interactions: Interactions by id.
select * from interaction_shown where id = any(%(ids)s);

-- summaries: Conversation summaries by id.
select * from conversation_summary where id = any(%(ids)s);
