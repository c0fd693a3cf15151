-- lost_right: Those of these people, or of all who have a role, who may answer nobody.
select a.id from agent a
where a.disabled_at is null and (a.id = any(%(agent_ids)s) or a.role = (select r.key from role r where r.id = %(role_id)s))
  and not may_answer(a.id)
order by a.id;

-- left_with: What lies with these people; whoever is on the telephone (`talks`) stays with whom they talk to.
select e.conversation_id, e.agent_id, e.state, v.waits,
       exists (select from call k where k.entry_id = e.id and k.state in ('connecting', 'talking')) as talks
from queue_entry e
cross join lateral (select v.waiting_since is not null as waits from conversation v where v.id = e.conversation_id offset 0) v -- by id, never all
where e.agent_id = any(%(agent_ids)s) and e.state in ('assigned', 'wrapping')
order by e.conversation_id;

-- here: Those of these people who are not offline.
select s.agent_id as id from agent_state s where s.agent_id = any(%(agent_ids)s) and s.state <> 'offline' order by s.agent_id;
