-- one_at_a_time: Keep every other use of a writer's client id waiting until this one is done.
select pg_advisory_xact_lock(hashtextextended(%(client_id)s, %(agent_id)s));

-- written: What was written under a client id in a conversation; where one is to begin, the one that this agent began with it.
select i.id, i.conversation_id, i.contact_id, i.kind, i.agent_id, coalesce(i.meta ->> 'source', i.text) as text, i.html, i.subject,
       i.channel, i.account_id, i.address_id, a.kind as address_kind, a.value as address, i.meta ->> 'template' as template,
       array(select jsonb_array_elements_text(coalesce(i.meta -> 'cc', '[]') || coalesce(i.meta -> 'bcc', '[]'))) as copies
from interaction i
left join address a on a.id = i.address_id
where (i.conversation_id = %(conversation_id)s and i.client_id = %(client_id)s)
   or (%(conversation_id)s::bigint is null and i.agent_id = %(agent_id)s and i.client_id = %(client_id)s
       and i.seq = 1 and i.direction = 'out')
order by i.id limit 1;

-- same_files: Whether files are, by name and size, those of a message.
select (select array_agg((f.name, coalesce(f.size, octet_length(f.body))) order by f.name, coalesce(f.size, octet_length(f.body))) from attachment f where f.id = any(%(ids)s))
    is not distinct from
       (select array_agg((f.name, coalesce(f.size, octet_length(f.body))) order by f.name, coalesce(f.size, octet_length(f.body))) from attachment f
        where f.interaction_id = %(interaction_id)s);

-- same_person: Whether two records stand for one person.
select exists (select from contact a join contact b on b.root_id = a.root_id where a.id = %(one)s and b.id = %(other)s);
