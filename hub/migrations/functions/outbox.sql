-- Moves sends forward: results of our own workers and reports of providers, in one round trip for many.
-- An item is {outbound_id?, attempt?, connector, provider_id?, status, error?, code?, params?, due_at?, taken?}; `attempt`
-- marks a worker's result. It counts while that attempt holds the row, and when it comes late: what the provider said of an
-- attempt settles one whose outcome nobody knew, and a message that was taken is not sent again while there is time to
-- stop that. `taken` are recipients that have it already. A provider's report counts by rank: it never goes back, and a
-- failure after delivery is not believed. `returned` marks a failure that passes: minutes until each further try of the
-- send. Of a try that was returned nothing counts any more but that it arrived after all; then it is not sent again, if
-- there is time to stop that. Returns the events to announce.
create function outbox_results(items jsonb)
returns table (n int, applied boolean, event_id bigint, conversation_id bigint, seq bigint, interaction_id bigint, at timestamptz)
language plpgsql
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    item    record;
    o       outbound;
    moment  timestamptz := clock_timestamp();
    shown   text; -- the interaction's new status
    next_seq bigint;
    logged  bigint;
begin
    perform 1 from conversation v
    where v.id in (
        select b.conversation_id
        from jsonb_to_recordset(items) as i (outbound_id bigint, connector text, provider_id text)
        join outbound b on b.id = i.outbound_id or (i.outbound_id is null and b.provider_id = i.provider_id and b.connector = i.connector))
    order by v.id for no key update;
    -- Those who hear of a failure (below), in the house's order: the loop goes by the order of the items.
    perform 1 from agent_state s
    where s.agent_id in (
        select v.agent_id
        from jsonb_to_recordset(items) as i (outbound_id bigint, connector text, provider_id text, status text)
        join outbound b on b.id = i.outbound_id or (i.outbound_id is null and b.provider_id = i.provider_id and b.connector = i.connector)
        join conversation v on v.id = b.conversation_id
        where i.status in ('failed', 'unknown'))
    order by s.agent_id for no key update;

    for item in
        select * from jsonb_to_recordset(items) as i (
            n int, outbound_id bigint, attempt int, connector text, provider_id text, status text, error text, code text,
            params jsonb, due_at timestamptz, taken jsonb, returned int[])
        order by i.n
    loop
        if item.attempt is null then
            insert into delivery (connector, provider_id, outbound_id, status, error, code, params)
            values (item.connector, item.provider_id, item.outbound_id, item.status, item.error, item.code, item.params)
            on conflict do nothing;
            if not found then
                return query select item.n, false, null::bigint, null::bigint, null::bigint, null::bigint, moment;
                continue;
            end if;
        end if;
        o := null;
        select b.* into o from outbound b
        where b.id = item.outbound_id
           or (item.outbound_id is null and b.provider_id = item.provider_id and b.connector = item.connector)
        limit 1 for update;
        shown := null;
        if o.id is null then
            null; -- a report that came before the send was recorded waits in `delivery`
        elsif item.provider_id = any(o.returned_ids) and not (
                item.attempt is null and item.status in ('delivered', 'read') and o.state in ('pending', 'claimed', 'failed')) then
            null; -- told late of a try that is over
        elsif item.attempt is not null then
            if (o.attempt = item.attempt and (o.state in ('claimed', 'wire') or (o.state = 'unknown' and item.status <> 'unknown')))
               or (item.status = 'sent' and o.state in ('pending', 'claimed', 'unknown')) then
                shown := case item.status when 'retry' then 'pending' else item.status end;
                update outbound set
                    state = case item.status when 'retry' then 'pending' when 'sent' then 'sent' else item.status end,
                    rank = greatest(rank, case item.status when 'sent' then 1 else rank end),
                    provider_id = coalesce(item.provider_id, provider_id), error = item.error, code = item.code,
                    params = item.params, lease_until = null, due_at = coalesce(item.due_at, due_at),
                    payload = case when item.taken is null then payload
                        else payload || jsonb_build_object('taken', coalesce(payload -> 'taken', '[]') || item.taken) end,
                    done_at = case when item.status <> 'retry' then moment end
                where id = o.id;
            elsif item.provider_id is not null and o.provider_id is null then
                update outbound set provider_id = item.provider_id where id = o.id; -- a report was quicker than we
            end if;
        elsif item.status = 'failed' then
            if item.returned[o.returned + 1] is not null and o.rank < 2 and o.state in ('claimed', 'wire', 'sent', 'unknown')
               and item.provider_id is not null then
                shown := 'pending';
                update outbound set state = 'pending', rank = 0, error = item.error, code = item.code, params = item.params,
                    returned = returned + 1, returned_ids = returned_ids || item.provider_id, provider_id = null,
                    due_at = moment + make_interval(mins => item.returned[o.returned + 1]), done_at = null, lease_until = null
                where id = o.id;
                update interaction i set external_id = null
                where i.id = o.interaction_id and i.channel <> 'email' and i.external_id = item.provider_id;
            elsif o.rank < 2 and o.state <> 'failed' then
                shown := 'failed';
                update outbound set state = 'failed', error = item.error, code = item.code, params = item.params, provider_id = coalesce(provider_id, item.provider_id),
                    done_at = moment, lease_until = null where id = o.id;
            end if;
        elsif (o.state <> 'failed' or item.provider_id = any(o.returned_ids)) and o.rank < (case item.status when 'sent' then 1 when 'delivered' then 2 else 3 end) then
            shown := item.status;
            update outbound set state = 'sent', rank = case item.status when 'sent' then 1 when 'delivered' then 2 else 3 end,
                provider_id = coalesce(provider_id, item.provider_id), error = null, code = null, params = null, done_at = coalesce(done_at, moment),
                lease_until = null where id = o.id;
        end if;
        if shown is null then
            return query select item.n, false, null::bigint, null::bigint, null::bigint, null::bigint, moment;
            continue;
        end if;
        update interaction i set status = shown, error = item.error,
            external_id = case when i.channel = 'email' then i.external_id else coalesce(i.external_id, case when shown <> 'pending' then item.provider_id end) end
        where i.id = o.interaction_id;
        update conversation v set seq = v.seq + 1,
            failed = case when shown in ('failed', 'unknown') then true
                          when shown in ('sent', 'delivered', 'read') then exists (
                              select from outbound b where b.conversation_id = v.id and b.id > o.id and b.state in ('failed', 'unknown'))
                              or exists (select from outbound b where b.state = 'unknown' and b.conversation_id = v.id and b.id <> o.id)
                          else v.failed end
        where v.id = o.conversation_id returning v.seq into next_seq;
        insert into event (at, kind, conversation_id, conversation_seq, data)
        values (moment, 'interaction.updated', o.conversation_id, next_seq,
                jsonb_build_object('interaction_id', o.interaction_id, 'status', shown, 'error', item.error, 'outbound_id', o.id))
        returning event.id into logged;
        if shown in ('failed', 'unknown') then -- whose customer it is hears of it, whatever is on their screen
            with desk as (
                update agent_state s set seq = s.seq + 1 from conversation v
                where v.id = o.conversation_id and s.agent_id = v.agent_id
                returning s.agent_id, s.seq
            )
            insert into event (at, kind, conversation_id, agent_id, agent_seq, data)
            select moment, 'conversation.updated', o.conversation_id, d.agent_id, d.seq, '{}' from desk d;
        end if;
        return query select item.n, true, logged, o.conversation_id, next_seq, o.interaction_id, moment;
        -- A worker's result may find reports that were quicker: apply them now.
        if item.attempt is not null and item.status = 'sent' and item.provider_id is not null then
            update outbound b set rank = greatest(b.rank, d.rank) from (
                select max(case x.status when 'delivered' then 2 when 'read' then 3 else 1 end) as rank
                from delivery x where x.connector = o.connector and x.provider_id = item.provider_id and x.status <> 'failed') d
            where b.id = o.id and d.rank > b.rank;
            update interaction i set status = case b.rank when 3 then 'read' when 2 then 'delivered' else i.status end
            from outbound b where b.id = o.id and i.id = o.interaction_id;
            if exists (select from delivery x where x.connector = o.connector and x.provider_id = item.provider_id and x.status = 'failed')
               and (select rank < 2 from outbound where id = o.id) then
                update outbound b set state = 'failed', error = x.error, code = x.code, params = x.params from delivery x
                where b.id = o.id and x.connector = o.connector and x.provider_id = item.provider_id and x.status = 'failed';
                update interaction i set status = 'failed', error = b.error from outbound b where b.id = o.id and i.id = b.interaction_id;
                update conversation v set failed = true, seq = v.seq + 1 where v.id = o.conversation_id returning v.seq into next_seq;
                insert into event (at, kind, conversation_id, conversation_seq, data)
                select moment, 'interaction.updated', o.conversation_id, next_seq,
                       jsonb_build_object('interaction_id', o.interaction_id, 'status', 'failed', 'error', b.error, 'outbound_id', o.id)
                from outbound b where b.id = o.id
                returning event.id into logged;
                return query select item.n, true, logged, o.conversation_id, next_seq, o.interaction_id, moment;
            end if;
        end if;
    end loop;
end $$;
