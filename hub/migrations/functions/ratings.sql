-- Whether a number from a customer answers our question how it was: it was asked at most so many days ago, and none of us
-- has written since (up to an interaction; null: until now), so that no other question can be meant.
create or replace function survey_open(asked bigint, days int, upto bigint default null) returns boolean language sql stable as $$
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
create or replace function last_answered_by(conversation bigint) returns bigint language sql stable as $$
    select coalesce(
        (select i.agent_id from interaction i
         where i.conversation_id = conversation and i.direction = 'out' and i.agent_id is not null and not i.automatic
         order by i.seq desc limit 1),
        (select c.agent_id from call c where c.conversation_id = conversation and c.agent_id is not null order by c.id desc limit 1),
        (select v.agent_id from conversation v where v.id = conversation))
$$;
