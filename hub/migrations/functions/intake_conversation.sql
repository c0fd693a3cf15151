-- The steps of `intake` (intake.sql) that find, begin and carry on conversations.

-- Whether a mail that is here already answers one of these: it came first, so these belong where it is.
create function intake_is_awaited(items intake_item[]) returns boolean language plpgsql as $$
#variable_conflict use_column
begin
    return exists (
        select from unnest(items) i
        cross join lateral (select e.answer from early_answer e where e.reference = i.external_id offset 0) e
        where i.channel = 'email' and i.external_id is not null);
end $$;

-- 4. Which conversation: a signed reply address, then what it answers (or what answered it, if that came first), then the
-- running thread of this address. A new conversation else. `answers`, `quiets`: whether any of `items` needs the first two
-- looked up, and whether any may belong where a question was asked.
create function intake_conversation(
    items intake_item[], messages intake_message[], bounds intake_limits, moment timestamptz, answers boolean, quiets boolean
) returns intake_message[] language plpgsql as $$
#variable_conflict use_column
declare
    wanted bigint[]; -- the conversations found so, in order of n
    oldest timestamptz := moment - make_interval(days => bounds.reopen_days);
begin
    if answers then
        select array_agg(coalesce(hint.id, answered.id) order by i.n) into wanted
        from unnest(items) i
        left join unnest(messages) m on m.n = i.n
        left join lateral (select c.root_id from contact c where c.id = m.contact_id offset 0) mine on true
        left join lateral (
            select v.id from conversation v
            where v.id = i.hint and (v.status <> 'resolved' or v.resolved_at > oldest)
            offset 0
        ) hint on true
        left join lateral (
            select v.id
            from unnest(i.refs || case when i.channel = 'email' then array(
                select e.answer from early_answer e where e.reference = i.external_id) end) with ordinality as r (reference, position)
            cross join lateral (
                select x.conversation_id, x.meta, x.address_id from interaction x where x.external_id = r.reference offset 0
            ) x
            cross join lateral (
                select v.id, v.status, v.resolved_at, v.contact_id from conversation v where v.id = x.conversation_id offset 0
            ) v
            cross join lateral (select c.root_id from contact c where c.id = v.contact_id offset 0) c
            where (v.status <> 'resolved' or v.resolved_at > oldest)
              -- what quotes an old message stays in the conversation that is going on
              and not (m.session and exists (
                  select from thread t join conversation l on l.id = t.conversation_id and l.status <> 'resolved'
                  where t.account_id = m.account_id and t.address_id = m.address_id))
              and (c.root_id = mine.root_id
                  or exists (select from interaction q where q.conversation_id = v.id and q.address_id = m.address_id)
                  or exists ( -- whom the mail that is answered went to, too, has part in the conversation
                      select from (values ('$.to[*]'::jsonpath), ('$.cc[*]'), ('$.bcc[*]')) as field (path)
                      cross join lateral jsonb_path_query(x.meta, field.path) as named (address)
                      where lower(named.address #>> '{}') = i.address)
                  or (r.position > cardinality(i.refs) and exists ( -- who answered ahead was asked by this mail
                      select from (values ('$.to[*]'::jsonpath), ('$.cc[*]')) as field (path)
                      cross join lateral jsonb_path_query(i.meta, field.path) as named (address)
                      join address a on a.id = x.address_id and a.value = lower(named.address #>> '{}'))))
            order by r.position limit 1
        ) answered on hint.id is null;
    end if;
    if quiets then -- a reaction, and the answer to our question how it was, belong where they were asked for, if that is over
        select array_agg(coalesce(wanted[i.n + 1], case
                   when i.quiet in ('reaction', 'nod') or survey_open(t.conversation_id, bounds.reopen_days)
                   then t.conversation_id end) order by i.n) into wanted
        from unnest(items) i
        left join unnest(messages) m on m.n = i.n
        left join lateral (
            select t.conversation_id from thread t
            where t.account_id = m.account_id and t.address_id = m.address_id and m.session and i.quiet is not null offset 0
        ) t on true;
    end if;
    return (
        select array_agg(intake_note(x.message, contact_name => x.contact_name, conversation_id => x.conversation_id,
                   is_new => x.conversation_id is null) order by (x.message).n)
        from (
            select m as message, coalesce(nullif(mine.name, ''), root.name) as contact_name,
                   coalesce(wanted[m.n + 1], running.id) as conversation_id
            from unnest(messages) m
            cross join lateral (select c.name, c.root_id from contact c where c.id = m.contact_id offset 0) mine
            cross join lateral (select c.name from contact c where c.id = mine.root_id offset 0) root
            left join lateral (
                select t.conversation_id from thread t
                where t.account_id = m.account_id and t.address_id = m.address_id and m.session and wanted[m.n + 1] is null
                offset 0
            ) t on true
            left join lateral (
                select v.id from conversation v
                where v.id = t.conversation_id
                  and (v.status <> 'resolved' or v.resolved_at > moment - make_interval(hours => bounds.session_hours))
                offset 0
            ) running on true
        ) x);
end $$;

-- 5. What opens nothing, waits nowhere and starts no clock, because nobody has to do anything about it.
create function intake_quiet(items intake_item[], messages intake_message[], bounds intake_limits) returns intake_message[]
language plpgsql as $$
#variable_conflict use_column
begin
    return (
        select array_agg(intake_note(x.message, automatic => (x.message).automatic or x.quiet, quiet => x.quiet) order by (x.message).n)
        from (
            select m as message,
                   v.status is not null and coalesce(
                       i.quiet = 'reaction' or (i.quiet = 'nod' and v.status = 'resolved')
                       or (i.quiet = 'score' and v.status = 'resolved' and survey_open(m.conversation_id, bounds.reopen_days)),
                       false) as quiet
            from unnest(messages) m
            join unnest(items) i on i.n = m.n
            left join lateral (select v.status from conversation v where v.id = m.conversation_id offset 0) v on true
        ) x);
end $$;

-- 6. Conversations that begin, with all their messages counted: on channels without threads, several messages of one
-- address in this batch share one. A conversation's seq is the order of the topic c:{id}.
create function intake_begin(items intake_item[], messages intake_message[], bounds intake_limits, moment timestamptz)
returns intake_message[] language plpgsql as $$
#variable_conflict use_column
begin
    with begun as (
        select m as message, m.n, m.automatic,
               min(m.n) over (partition by m.account_id, m.address_id, case when m.session then -1 else m.n end) as leader
        from unnest(messages) m where m.is_new
    ), numbered as (
        select b.*, case when b.n = b.leader then nextval('conversation_id_seq') end as given from begun b
    ), placed as (
        select b.message, b.n, max(b.given) over same as id, row_number() over (partition by b.leader order by b.n) as seq,
               count(*) over same as total, max(b.n) over same as last_n, bool_or(not b.automatic) over same as human
        from numbered b window same as (partition by b.leader)
    ), made as (
        insert into conversation (id, contact_id, account_id, channel, subject, queue_id, seq, interaction_seq, preview, said,
            last_inbound_at, waiting_since, created_at, updated_at) overriding system value
        select b.id, (b.message).contact_id, (b.message).account_id, (b.message).channel, i.subject, a.queue_id, b.total,
               b.total, left(l.text, bounds.preview_length), l.meta -> 'said', moment, case when b.human then moment end, moment, moment
        from placed b
        join unnest(items) i on i.n = b.n
        join unnest(items) l on l.n = b.last_n
        cross join lateral (
            select coalesce(a.queue_id, (select min(q.id) from queue q where q.archived_at is null)) as queue_id
            from account a where a.id = (b.message).account_id offset 0
        ) a
        where b.seq = 1
    )
    select array_agg(x.message order by (x.message).n) into messages
    from (
        select intake_note(b.message, conversation_id => b.id, seq => b.seq, is_last => b.seq = b.total,
                   interaction_id => nextval('interaction_id_seq'), event_id => nextval('event_id_seq')) as message
        from placed b
        union all
        select m from unnest(messages) m where not m.is_new
    ) x;
    return messages;
end $$;

-- 7. Conversations that go on, locked in order of id: whatever a person wrote opens them.
create function intake_continue(items intake_item[], messages intake_message[], bounds intake_limits, moment timestamptz)
returns intake_message[] language plpgsql as $$
#variable_conflict use_column
declare
    had_agent bigint[]; -- those on somebody's desk
    rested    bigint[]; -- and those that weighed nothing there, their customers being silent
begin
    with locked as (
        select v.id, v.agent_id, v.waiting_since from conversation v
        where v.id = any(array(select m.conversation_id from unnest(messages) m where not m.is_new)) order by v.id for no key update
    )
    select array_agg(l.id) filter (where l.agent_id is not null), array_agg(e.conversation_id) filter (where e.conversation_id is not null)
    into had_agent, rested
    from locked l
    left join lateral (
        select r.conversation_id from queue_entry r
        where r.conversation_id = l.id and r.state <> 'closed' and r.resting and r.state || '' = 'assigned'
          and l.waiting_since is null and l.agent_id is not null
        offset 0
    ) e on true;
    with touched as (
        select m.conversation_id, count(*) as total, bool_or(not m.automatic) as human, max(m.n) as last_n
        from unnest(messages) m where not m.is_new group by m.conversation_id
    ), moved as (
        update conversation v set
            seq = v.seq + t.total,
            interaction_seq = v.seq + t.total,
            preview = left(l.text, bounds.preview_length),
            said = l.meta -> 'said',
            channel = l.channel,
            last_inbound_at = moment,
            waiting_since = case when t.human then coalesce(v.waiting_since, moment) else v.waiting_since end,
            status = case when t.human then 'open' else v.status end,
            reopened = v.reopened + (t.human and v.status = 'resolved')::int,
            snoozed_until = case when t.human then null else v.snoozed_until end,
            updated_at = moment
        from touched t join unnest(items) l on l.n = t.last_n
        where v.id = t.conversation_id
        returning v.id, v.seq - t.total as base, t.last_n,
            t.human and not exists (select from queue_entry e where e.conversation_id = v.id and e.state <> 'closed' offset 0) as idle
    )
    select array_agg(case when x.base is null then x.message else
               intake_note(x.message, seq => x.base + x.position, is_last => (x.message).n = x.last_n,
                   interaction_id => nextval('interaction_id_seq'), event_id => nextval('event_id_seq'), idle => x.idle,
                   had_agent => (x.message).conversation_id = any(had_agent), rested => (x.message).conversation_id = any(rested))
               end order by (x.message).n)
    into messages
    from (
        select m as message, c.base, c.last_n, c.idle, row_number() over (partition by m.conversation_id order by m.n) as position
        from unnest(messages) m left join moved c on c.id = m.conversation_id
    ) x;
    return messages;
end $$;

-- 8. What answers mails that are not here yet, the nearest few: when one comes, it will look for its answer.
create function intake_early_answer(items intake_item[], messages intake_message[], bounds intake_limits, moment timestamptz)
returns void language plpgsql as $$
#variable_conflict use_column
begin
    insert into early_answer (reference, answer)
    select r.reference, i.external_id
    from unnest(messages) m join unnest(items) i on i.n = m.n
    cross join lateral (select distinct one as reference from unnest(i.refs[1:bounds.early_answers]) as one) r
    where i.channel = 'email' and i.external_id is not null and not m.automatic
      and not exists (select from interaction x where x.external_id = r.reference offset 0)
    order by r.reference, i.external_id -- keys in one order, so that two batches never wait for each other
    on conflict do nothing;
    if found then
        delete from early_answer e
        using (
            select o.reference, o.answer from early_answer o
            where o.at < moment - make_interval(days => bounds.early_answer_days)
            limit bounds.early_answers_forgotten for update skip locked
        ) o
        where (e.reference, e.answer) = (o.reference, o.answer);
    end if;
end $$;
