-- The id an agent's browser or program gave a message names one message, in whichever conversation.
create index interaction_client_agent on interaction (agent_id, client_id) where client_id is not null and agent_id is not null;
