-- known: Whether anybody has ever written here.
select exists (select from contact) or exists (select from conversation) or exists (select from event where kind = 'interaction.created');

-- no_limit: What takes as long as it takes.
select set_config('statement_timeout', '0', false), set_config('maintenance_work_mem', '512MB', false);

-- now: The end of the history, in seconds of the epoch.
select extract(epoch from now())::float8;

-- queues: More queues than the demonstration's.
insert into queue (key, name, target_seconds)
select 'history-' || n, name, 300 from unnest(%(names)s::text[]) with ordinality as q (name, n)
on conflict (key) do nothing;

-- agents: Colleagues nobody signs in as: one supervisor in ten.
insert into agent (email, name, role)
select 'colleague' || n || '@lumen-oak.example', 'Colleague ' || n, case when mod(n, 10) = 0 then 'supervisor' else 'agent' end
from generate_series(1, %(count)s::int) n
on conflict (email) do nothing;

-- memberships: Supervisors in every queue; agents in one to three of the new ones, and a few in those of the demonstration.
insert into agent_queue (agent_id, queue_id)
select a.id, q.id from agent a cross join queue q
where q.archived_at is null and (a.role = 'supervisor'
   or (starts_with(a.email, 'colleague') and mod(a.id * 7 + q.id * 3, 8) = 0))
on conflict do nothing;

-- accounts: The first account of each channel.
select distinct on (channel) channel, id, connector from account order by channel, id;

-- busy: Who answers in each queue, the busiest first. Supervisors answer nothing, and some agents have nothing at all.
select m.queue_id, m.agent_id from agent_queue m join agent a on a.id = m.agent_id join queue q on q.id = m.queue_id
where a.role = 'agent' and q.archived_at is null and not starts_with(a.email, 'ben@') and not starts_with(a.email, 'colleague1@')
order by m.queue_id, not starts_with(a.email, 'amy@'), a.id;

-- first: The ids that come next.
select (select coalesce(max(id), 0) + 1 from contact) as contact, (select coalesce(max(id), 0) + 1 from address) as address,
       (select coalesce(max(id), 0) + 1 from raw) as raw, (select coalesce(max(id), 0) + 1 from conversation) as conversation,
       (select coalesce(max(id), 0) + 1 from interaction) as interaction,
       (select coalesce(max(id), 0) + 1 from queue_entry) as queue_entry, (select coalesce(max(id), 0) + 1 from offer) as offer;

-- sequences: Ids go on after those that were written.
select setval('contact_id_seq', (select max(id) from contact)), setval('address_id_seq', (select max(id) from address)),
       setval('raw_id_seq', (select max(id) from raw)), setval('conversation_id_seq', (select max(id) from conversation)),
       setval('interaction_id_seq', (select max(id) from interaction)),
       setval('queue_entry_id_seq', (select max(id) from queue_entry)), setval('offer_id_seq', (select max(id) from offer));

-- threads: Where the next message of each number and visitor belongs.
insert into thread (account_id, address_id, conversation_id)
select distinct on (v.account_id, i.address_id) v.account_id, i.address_id, v.id
from conversation v join interaction i on i.conversation_id = v.id and i.seq = 1
where v.channel <> 'email' order by v.account_id, i.address_id, v.id desc
on conflict do nothing;

-- search_anew: People who were not here when all were read are read.
delete from meta where key = 'search.contacts';

-- is_set_up: Whether there is an account, so that a history can be of its channels.
select exists (select from account);

-- clean_up: Statistics for the planner, and pages known to be seen by all.
vacuum (analyze);
