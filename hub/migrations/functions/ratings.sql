-- Whether a number from a customer answers our question how it was: it was asked at most so many days ago, and none of us
-- has written since (up to an interaction; null: until now), so that no other question can be meant.
create function survey_open(asked bigint, days int, upto bigint default null) returns boolean language sql stable as $$
    select exists (
        select from follow_up f
        join interaction s on s.conversation_id = f.conversation_id and s.client_id = 'followup-' || f.id
        where f.conversation_id = asked and f.kind = 'satisfaction' and f.state = 'fired'
          and f.ended_at > clock_timestamp() - make_interval(days => days)
          and not exists (
              select from interaction x
              where x.conversation_id = asked and x.seq > s.seq and x.direction = 'out' and x.kind = 'message'
                and not x.automatic and (upto is null or x.id < upto)))
$$;

-- Who answered a customer last, in writing or by telephone, whoever has the conversation now.
create function last_answered_by(conversation bigint) returns bigint language sql stable as $$
    select coalesce(
        (select i.agent_id from interaction i
         where i.conversation_id = conversation and i.direction = 'out' and i.agent_id is not null and not i.automatic
         order by i.seq desc limit 1),
        (select c.agent_id from call c where c.conversation_id = conversation and c.agent_id is not null order by c.id desc limit 1),
        (select v.agent_id from conversation v where v.id = conversation))
$$;

-- Whether a customer may be asked how a conversation was: one person once in `satisfaction_pause_days`, whatever they wrote
-- from. True is given once, and remembered: whoever gets it asks, in the same transaction.
create function survey_claim(conversation bigint) returns boolean language plpgsql as $$
declare
    person bigint;
    days   int := coalesce((select (m.value ->> 'satisfaction_pause_days')::int from meta m where m.key = 'automation'), 7);
begin
    select c.root_id into person from conversation v join contact c on c.id = v.contact_id where v.id = conversation;
    -- Two of their conversations may end at once; nobody who has this lock waits for another. What follows sees who had it.
    perform pg_advisory_xact_lock(hashtextextended('survey', person));
    if exists (
        select from contact same join survey_asked s on s.contact_id = same.id
        where same.root_id = person and s.at > clock_timestamp() - make_interval(days => days)
    ) then
        return false;
    end if;
    insert into survey_asked (conversation_id, contact_id) select v.id, v.contact_id from conversation v where v.id = conversation
    on conflict do nothing;
    return found;
end
$$;
