-- concurrently
-- The links by which customers rate us are not kept where agents read: whoever has one is the customer. What was sent keeps
-- its words in the outbox. In batches, each committed: no reader of the log waits for more than one, and whoever is
-- interrupted goes on where they were.
create or replace function pg_temp.sent(said text) returns text language sql immutable as $$
    select regexp_replace(said, 'https?://\S+/rate/[1-9]\d*-\d+-[a-z2-7]{26}',
        case when said ~ '[一-龥]' then '[已发送评价链接]' else '[Survey link sent]' end, 'g')
$$;

create or replace function pg_temp.quoted(said text) returns text language sql immutable as $$
    select regexp_replace(said, '([1-9]\d{0,17}-\d{1,10}-[a-z2-7]{26})(?![a-z2-7])', '…', 'g')
$$;

create or replace procedure pg_temp.conceal() language plpgsql as $$
declare
    first bigint;
    last bigint;
begin
    select min(id), max(id) into first, last from interaction;
    while first <= last loop
        update interaction i set text = pg_temp.sent(i.text), subject = pg_temp.sent(i.subject), html = pg_temp.sent(i.html)
        where i.id >= first and i.id < first + 10000 and i.direction = 'out' and i.automatic
          and (i.text || i.subject || coalesce(i.html, '')) ~ '/rate/[1-9]\d*-\d+-[a-z2-7]{26}';
        with quoting as (
            select i.id from interaction i left join page p on p.interaction_id = i.id
            where i.id >= first and i.id < first + 10000 and i.direction = 'in' and i.channel = 'email'
              and concat_ws(' ', i.text, i.subject, i.html, i.meta ->> 'full_text', p.own, p.whole) ~ '/rate/[1-9]\d*-\d+-[a-z2-7]{26}'
        ), pages as (
            update page p set own = pg_temp.quoted(p.own), whole = pg_temp.quoted(p.whole) from quoting q where p.interaction_id = q.id
        )
        update interaction i set text = pg_temp.quoted(i.text), subject = pg_temp.quoted(i.subject), html = pg_temp.quoted(i.html),
            meta = i.meta || '{"quotes_survey": true}' || case when i.meta ? 'full_text'
                then jsonb_build_object('full_text', pg_temp.quoted(i.meta ->> 'full_text')) else '{}' end
        from quoting q where i.id = q.id;
        commit;
        first := first + 10000;
    end loop;
    select min(id), max(id) into first, last from conversation;
    while first <= last loop
        -- A preview holds the first characters alone, and may end within the link.
        update conversation v set preview = regexp_replace(v.preview, 'https?://\S+/rate/\S*', '…', 'g')
        where v.id >= first and v.id < first + 10000 and v.preview ~ 'https?://\S+/rate/[1-9]';
        commit;
        first := first + 10000;
    end loop;
end $$;

call pg_temp.conceal();
