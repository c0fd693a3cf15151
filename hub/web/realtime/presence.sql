-- beat: These agents have a screen open; locked in order of id, as everywhere.
with here as (select agent_id from agent_state where agent_id = any(%(ids)s) order by agent_id for no key update)
update agent_state s set connected_until = now() + make_interval(secs => %(grace)s) from here where s.agent_id = here.agent_id;

-- gone: Agents at work whose last screen closed a while ago.
select agent_id from agent_state where state <> 'offline' and connected_until < now() order by agent_id limit 100;
