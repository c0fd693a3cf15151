-- chat_status: A visitor's latest conversation as its status line: {} before the first message.
create function chat_status(p_address bigint) returns jsonb language sql stable as $$
    select coalesce((
        select jsonb_build_object(
            'conversation', c.id,
            'state', case c.status when 'resolved' then 'resolved' else 'open' end,
            'agent', case when c.status <> 'resolved' then a.name end,
            'position', case when e.state in ('waiting', 'offered') then (
                select count(*) + 1 from queue_entry o
                where o.queue_id = e.queue_id and o.state in ('waiting', 'offered')
                  and (o.entered_at, o.id) < (e.entered_at, e.id)
            ) end,
            'answered', c.first_reply_at is not null,
            'rated', exists (select from rating r where r.conversation_id = c.id)
        )
        from interaction i
        join conversation c on c.id = i.conversation_id
        left join agent a on a.id = c.agent_id
        left join queue_entry e on e.conversation_id = c.id and e.state <> 'closed'
        where i.address_id = p_address and i.channel = 'chat' and i.kind = 'message'
        order by i.id desc limit 1
    ), '{}')
$$;

-- chat_is_over: Whether a chat's customer was answered and is nowhere any more: every visitor of it has left, and was noticed.
create function chat_is_over(conversation bigint) returns boolean language sql stable as $$
    select v.waiting_since is null and here.visitors > 0 and here.gone = here.visitors
    from conversation v
    cross join lateral (
        select count(*) as visitors, count(*) filter (where c.gone) as gone from chat_visitor c
        where c.address_id = any(array(
            select distinct i.address_id from interaction i where i.conversation_id = v.id and i.channel = 'chat' and i.address_id is not null))
    ) here
    where v.id = conversation
$$;

-- chat_was_there: Whether a visitor was connected after a moment, and so has seen what was written before it.
create function chat_was_there(p_address bigint, moment timestamptz) returns boolean language sql stable as $$
    select exists (select from chat_visitor v
        where v.address_id = p_address and (v.left_at >= moment or (v.left_at is null and v.seen_at >= moment)))
$$;

-- answered_by: Whether what one of us wrote answers its customer: not what was cancelled or did not arrive, nor what stood
-- in a chat that its visitor had left, when the mail that it went by did not arrive and they were not back.
create function answered_by(said interaction) returns boolean language sql stable as $$
    select said.kind = 'message' and said.direction = 'out' and not said.automatic and said.status not in ('cancelled', 'failed')
       and case when said.meta ? 'mailed_in' then chat_was_there(said.address_id, said.at) or not exists (
                     select from interaction m where m.id = (said.meta ->> 'mailed_in')::bigint and m.status in ('cancelled', 'failed'))
                else true end
$$;

-- chat_follow: Number whatever the visitor may see and was not numbered yet; the last number and the status.
-- Numbers are given under the visitor's row lock and never change, so a message that commits late comes last instead
-- of slipping in before what was already shown. A mere change of queue position is told every few seconds.
create function chat_follow(p_address bigint, out last_seq bigint, out status jsonb)
language plpgsql as $$
declare
    visitor chat_visitor;
    pause interval := interval '3 seconds';
    matter bigint; -- the conversation that the status is of
begin
    status := chat_status(p_address);
    select * into visitor from chat_visitor where address_id = p_address;
    if found and visitor.told = status and not exists (
        select from interaction i
        where i.address_id = p_address and i.channel = 'chat' and i.kind = 'message'
          and not exists (select from chat_log l where l.interaction_id = i.id)
    ) then
        last_seq := visitor.seq;
        return;
    end if;

    insert into chat_visitor (address_id) values (p_address) on conflict do nothing;
    select * into visitor from chat_visitor where address_id = p_address for update;
    last_seq := visitor.seq;
    status := chat_status(p_address); -- again, now that nobody else can number beside us
    matter := status ->> 'conversation';

    with fresh as (
        select i.id, row_number() over (order by i.id) as n
        from interaction i
        where i.address_id = p_address and i.channel = 'chat' and i.kind = 'message'
          and not exists (select from chat_log l where l.interaction_id = i.id)
    ), logged as (
        insert into chat_log (address_id, seq, kind, interaction_id)
        select p_address, last_seq + n, 'message', id from fresh
        returning seq
    )
    select coalesce(max(seq), last_seq) into last_seq from logged;

    if visitor.told is distinct from status and (
        visitor.told - 'position' is distinct from status - 'position' or visitor.told_at < clock_timestamp() - pause
    ) then
        last_seq := last_seq + 1;
        insert into chat_log (address_id, seq, kind) values (p_address, last_seq, 'status');
        if status ->> 'state' = 'resolved' and visitor.told ->> 'state' is distinct from 'resolved'
           and (status ->> 'answered')::boolean and not (status ->> 'rated')::boolean
           -- once in a conversation, and when one of us says that it is over, not the clock
           and exists (select from conversation c where c.id = matter and c.resolved_by is not null)
           and not exists (select from chat_log l where l.address_id = p_address and l.kind = 'rating.ask'
                           and l.conversation_id = matter)
           and survey_claim(matter) then
            last_seq := last_seq + 1;
            insert into chat_log (address_id, seq, kind, conversation_id)
            values (p_address, last_seq, 'rating.ask', matter);
        end if;
        update chat_visitor set told = status, told_at = clock_timestamp() where address_id = p_address;
    end if;
    update chat_visitor set seq = last_seq where address_id = p_address and seq <> last_seq;
end
$$;
