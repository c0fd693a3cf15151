-- templates: The canned texts there are.
select key, locale, name, channel, account, subject, body from template;

-- known: What parts of the file may name, with those that the hub has already; an archived queue takes nothing.
select 'hours' as kind, key from hours union all select 'skill', key from skill union all select 'disposition', key from disposition
union all select 'queue', key from queue where archived_at is null union all select 'account', key from account;

-- put_template: One canned text as the file says.
insert into template (key, locale, name, channel, account, subject, body)
values (%(key)s, %(locale)s, %(name)s, %(channel)s, %(account)s, %(subject)s, %(body)s)
on conflict (key, locale) do update set name = excluded.name, channel = excluded.channel, account = excluded.account, subject = excluded.subject,
    body = excluded.body;

-- meta: What there is one of in the file, as it was applied last.
select value from meta where key = %(key)s;

-- put_meta: The same, as the file says now.
insert into meta (key, value) values (%(key)s, %(value)s) on conflict (key) do update set value = excluded.value;

-- yielding: What each channel gives way to.
select channel, yields_to from channel_policy;

-- states: Everybody has a state, offline at first.
insert into agent_state (agent_id) select id from agent on conflict do nothing;

-- rows: All of a table.
select * from {};

-- keys: The ids of a table by what names its rows in the file.
select id, {} as key from {};

-- add: A row.
insert into {} ({}) values ({});

-- change: Some columns of a row.
update {} set {} where {} = {};

-- queues_of: The queues of an agent, but those whose page says who works there.
select m.queue_id as id, null::int as level from agent_queue m join queue q on q.id = m.queue_id and q.source <> 'page'
where m.agent_id = %(agent_id)s;

-- skills_of: The skills of an agent.
select skill_id as id, level from agent_skill where agent_id = %(agent_id)s;

-- leave_queues: An agent works in no queue but those whose page says so.
delete from agent_queue m using queue q where m.agent_id = %(agent_id)s and q.id = m.queue_id and q.source <> 'page';

-- of_page: Queues whose page says who works there.
select id from queue where source = 'page';

-- leave_skills: An agent has no skill.
delete from agent_skill where agent_id = %(agent_id)s;

-- join_queue: An agent works in a queue.
insert into agent_queue (agent_id, queue_id) values (%(agent_id)s, %(id)s);

-- have_skill: An agent has a skill.
insert into agent_skill (agent_id, skill_id, level) values (%(agent_id)s, %(id)s, %(level)s);
