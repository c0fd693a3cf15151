-- conversation_sequences: How far the topics of conversations are.
select id, seq from conversation where id = any(%(ids)s);

-- agent_sequences: How far the topics of agents are.
select agent_id as id, seq from agent_state where agent_id = any(%(ids)s);

-- conversation_sequence: How far the topic of one conversation is.
select seq from conversation where id = %(id)s;

-- agent_sequence: How far the topic of one agent is.
select seq from agent_state where agent_id = %(id)s;
