-- concurrently
-- What the hub wrote into conversations by itself, as codes with parameters (hub/messages/lines.py); `text` stays. In
-- batches, each committed: no reader of the log waits for more than one.
create or replace procedure pg_temp.rewrite() language plpgsql as $$
declare
    first bigint;
    last bigint;
begin
    select min(id), max(id) into first, last from interaction;
    while first <= last loop
        update interaction i set meta = i.meta || jsonb_build_object('said', jsonb_build_object(
            'code', 'line.' || w.code, 'text', i.text, 'params', jsonb_strip_nulls(jsonb_build_object(w.name, w.value, 'comment', w.comment))))
        from interaction o
            cross join lateral (
            select r.code, r.name, case when m.m[1] ~ '^\d{1,9}$' then to_jsonb(m.m[1]::int) else to_jsonb(m.m[1]) end as value, m.m[2] as comment
            from (values
                ('^The customer has been waiting for an answer for more than (\d+) minutes\.()$', 'waiting', 'minutes'),
                ('^The customer rated our help (\d) of 5 and is not content\.(?:\n(.*))?$', 'rated', 'score'),
                ('^The customer may want no more messages \((.*)\)\.()$', 'perhaps', 'word'),
                ('^The customer wants no more messages \((.*)\)\.()$', 'stop', 'word'),
                ('^The customer wants messages again \((.*)\)\.()$', 'start', 'word'),
                ('^(\S+) has opted out of our messages; nothing is sent there any more\.()$', 'refused', 'address'),
                ('^(\S+) reported our message as spam; nothing is sent there any more\.()$', 'spam', 'address'),
                ('^Answers go to (\S+) now\.()$', 'replyTo', 'address')
            ) r (pattern, code, name)
            cross join lateral (select regexp_match(o.text, r.pattern) as m) m
            where m.m is not null
            limit 1
        ) w
        where i.id = o.id and o.id >= first and o.id < first + 10000 and (o.kind = 'system' or (o.kind = 'note' and o.automatic)) and not o.meta ? 'said';
        commit;
        first := first + 10000;
    end loop;
end $$;

call pg_temp.rewrite();
