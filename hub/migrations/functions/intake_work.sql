-- The steps of `intake` (intake.sql) that say whose work a conversation is now.

-- 9. A wrap-up is over when the customer goes on: it is its agent's work again, on the channel used now.
create function intake_resume(messages intake_message[], moment timestamptz) returns void language plpgsql as $$
#variable_conflict use_column
begin
    with human as (
        select m.conversation_id from unnest(messages) m where not m.is_new and not m.automatic group by 1
    ), resumed as (
        update queue_entry e set state = 'assigned', wrap_up_until = null, channel = v.channel,
            weight = coalesce((select c.weight from channel_policy c where c.channel = v.channel), e.weight)
        from human h cross join lateral (select v.channel from conversation v where v.id = h.conversation_id offset 0) v
        where e.conversation_id = h.conversation_id and e.state = 'wrapping'
        returning e.id, e.conversation_id, e.queue_id, e.agent_id
    )
    insert into event (at, kind, conversation_id, agent_id, queue_id, data)
    select moment, 'entry.resumed', r.conversation_id, r.agent_id, r.queue_id, jsonb_build_object('entry_id', r.id)
    from resumed r;
end $$;

-- 10. What weighed nothing while the customer was silent weighs again: its agent has it if it fits, else it waits anew.
create function intake_weigh(messages intake_message[], moment timestamptz) returns intake_message[] language plpgsql as $$
#variable_conflict use_column
declare
    entries bigint[]; -- those that weigh again, while it is seen whose agents have room for them
    freed   bigint[]; -- the conversations that their agents have no room for
begin
    select array_agg(e.id order by e.id) into entries
    from (select distinct m.conversation_id from unnest(messages) m where m.rested and not m.automatic) h
    cross join lateral (
        select e.id from queue_entry e where e.conversation_id = h.conversation_id and e.state || '' = 'assigned' offset 0
    ) e;
    perform 1 from agent_state s -- so that nobody is given something else at this moment
    where s.agent_id in (select e.agent_id from queue_entry e where e.id = any(entries)) order by s.agent_id for no key update;
    while entries <> '{}' loop -- one after another: each that stays leaves less room for the next
        with unfit as (
            update queue_entry e set state = 'closed', closed_at = moment, outcome = 'released'
            where e.id = entries[1] and not coalesce(agent_fits(e.agent_id, e.channel, e.weight, entries), false)
            returning e.id, e.conversation_id, e.queue_id, e.agent_id, e.channel, e.assigned_at
        ), logged as (
            insert into event (at, kind, conversation_id, agent_id, queue_id, data)
            select moment, 'entry.closed', u.conversation_id, u.agent_id, u.queue_id,
                   jsonb_build_object('entry_id', u.id, 'channel', u.channel, 'outcome', 'released',
                                      'handle_seconds', extract(epoch from moment - u.assigned_at)::float8)
            from unfit u
        )
        select freed || array_agg(u.conversation_id) into freed from unfit u;
        entries := entries[2:];
    end loop;
    if freed is null then
        return messages;
    end if;
    return (
        select array_agg(intake_note(m, released => m.conversation_id = any(freed)) order by m.n) from unnest(messages) m);
end $$;

-- 11. An agent who works on it hears of it on u:{agent}. What nobody has in the queue any more goes back there.
create function intake_notify(messages intake_message[], moment timestamptz) returns intake_message[] language plpgsql as $$
#variable_conflict use_column
begin
    with mine as (
        select v.id, v.agent_id, t.released from conversation v
        join (
            select m.conversation_id, bool_or(not m.automatic) as human, bool_or(m.released is true) as released
            from unnest(messages) m group by 1
        ) t on t.conversation_id = v.id
        where v.agent_id is not null
          and (not t.human or t.released
               or exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' offset 0))
    ), topics as (
        update agent_state s set seq = s.seq + d.changes
        from (select m.agent_id, count(*) as changes from mine m group by m.agent_id order by m.agent_id) d
        where s.agent_id = d.agent_id
        returning s.agent_id, s.seq - d.changes as base
    ), desk as (
        select m.id, m.agent_id, m.released, t.base + row_number() over (partition by m.agent_id order by m.id) as agent_seq
        from mine m join topics t on t.agent_id = m.agent_id
    ), logged as (
        insert into event (at, kind, conversation_id, agent_id, agent_seq, data)
        select moment, case when d.released then 'conversation.unassigned' else 'conversation.updated' end, d.id, d.agent_id,
               d.agent_seq, case when d.released then jsonb_build_object('conversation_id', d.id) else '{}' end
        from desk d
    )
    select array_agg(intake_note(m, agent_id => d.agent_id, agent_seq => d.agent_seq) order by m.n) into messages
    from unnest(messages) m left join desk d on m.is_last and d.id = m.conversation_id and not d.released;
    return messages;
end $$;

-- 12. The queue, for what a person wrote and nobody has; and where the next message of an address will be looked for.
create function intake_queue(messages intake_message[], bounds intake_limits, moment timestamptz) returns intake_message[]
language plpgsql as $$
#variable_conflict use_column
begin
    with touched as (
        select m.conversation_id, bool_or(not m.automatic) as human, bool_or(m.released is true) as released
        from unnest(messages) m group by m.conversation_id
    ), threaded as (
        insert into thread (account_id, address_id, conversation_id)
        select distinct on (m.account_id, m.address_id) m.account_id, m.address_id, m.conversation_id
        from unnest(messages) m
        where m.session order by m.account_id, m.address_id, m.n desc
        on conflict (account_id, address_id) do update set conversation_id = excluded.conversation_id
            where thread.conversation_id <> excluded.conversation_id
    ), queued as (
        insert into queue_entry as e (conversation_id, queue_id, channel, entered_at, queued_at, target_seconds,
            priority_seconds, weight, requirements, sticky_agent_id, sticky_until)
        select v.id, q.id, v.channel, moment, moment, q.target_seconds, q.priority_seconds + a.priority_seconds,
               coalesce(c.weight, bounds.weight), a.requirements, w.agent_id,
               case when w.agent_id is not null then moment + make_interval(secs => bounds.sticky_seconds) end
        from touched t
        cross join lateral (
            select v.id, v.channel, v.account_id, v.queue_id, v.agent_id from conversation v
            where v.id = t.conversation_id offset 0
        ) v
        join account a on a.id = v.account_id
        join queue q on q.id = coalesce(v.queue_id, a.queue_id, (select min(q.id) from queue q where q.archived_at is null))
        left join channel_policy c on c.channel = v.channel
        cross join lateral (select case when not t.released then v.agent_id end as agent_id) w
        where t.human
        order by v.id
        on conflict (conversation_id) where state <> 'closed' do nothing
        returning e.id, e.conversation_id, e.queue_id, e.channel
    ), logged as (
        insert into event (at, kind, conversation_id, queue_id, data)
        select moment, 'entry.queued', k.conversation_id, k.queue_id,
               jsonb_build_object('entry_id', k.id, 'channel', k.channel, 'queued_at', moment)
        from queued k
    )
    select array_agg(intake_note(m, entry_id => k.id, queue_id => k.queue_id) order by m.n) into messages
    from unnest(messages) m left join queued k on m.is_last and k.conversation_id = m.conversation_id;
    return messages;
end $$;

-- 13. What is back in the queue is on nobody's desk until somebody accepts it.
create function intake_unassign(messages intake_message[]) returns void language plpgsql as $$
#variable_conflict use_column
begin
    update conversation v set agent_id = null
    where v.id = any(array(select m.conversation_id from unnest(messages) m where not m.is_new and not m.automatic))
      and v.agent_id is not null
      and not exists (select from unnest(messages) m where m.conversation_id = v.id and m.agent_id is not null);
end $$;
