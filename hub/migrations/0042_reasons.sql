-- concurrently
-- Why messages did not leave or arrive, and why files are not here, as codes with parameters (hub/channels/reasons.py); and
-- what is said in place of messages without words (hub/channels/unsaid.py). The English stays beside them, and alone where
-- it is not known. In batches, each committed: no reader of the log waits for more than one, and whoever is interrupted
-- goes on where they were.
create or replace function pg_temp.reason(said text) returns jsonb language plpgsql as $$
declare
    m text[];
    rule record;
begin
    for rule in
        select * from (values
            ('^Twilio error (\d{1,9}): (.*)$', 'twilio.error', '{number,reason}'::text[]),
            ('^(?:Twilio answers \d+|The gateway refused the message(?: \(\d+\))?): (.*)$', 'provider.refused', '{reason}'),
            ('^The gateway does not take it now: (.*)$', 'provider.not_now', '{reason}'),
            ('^The gateway reports ''(.*)''\.$', 'provider.reports', '{word}'),
            ('^Twilio accepted the message without naming it\.$', 'provider.unnamed', '{}'),
            ('^(?:Twilio|The gateway) asks us to (?:slow down|wait)', 'provider.slow_down', '{}'),
            ('^(?:Twilio|The gateway) cannot be reached: (.*)\.$', 'provider.unreachable', '{reason}'),
            ('^(?:Twilio|The gateway) did not answer after the message was handed over', 'provider.unanswered', '{}'),
            ('^(?:Twilio|The gateway) failed after the message was handed over \((\d{1,9})\)\.$', 'provider.failed', '{status}'),
            ('^Twilio refuses our credentials\. (.*)$', 'provider.sign_in', '{reason}'),
            ('^The account cannot be used: ', 'account.unusable', '{}'),
            ('^The customer has opted out of messages before this one left\.$', 'send.opted_out', '{}'),
            ('^Messages to (\S+) are not allowed from this number \(its list of destinations\)\.$', 'send.destination', '{address}'),
            ('^This number has sent all it may today \(([\d,]{1,11}) segments\)\.', 'send.spent', '{most}'),
            ('^Nobody knows whether it left; the provider has no record of it\.', 'send.absent', '{}'),
            ('^The server did not answer in time\.$', 'send.timeout', '{}'),
            ('^The worker stopped while sending; it may have arrived\.$', 'send.interrupted', '{}'),
            ('^The worker stopped before sending\.$', 'send.stopped', '{}'),
            ('^The connector failed: (.*)$', 'send.broken', '{reason}'),
            ('^A message holds at most (\d{1,9}) characters\.$', 'message.too_long', '{most}'),
            ('^A message carries at most (\d{1,9}) files\.$', 'message.too_many_files', '{most}'),
            ('^A message needs a text or a file\.$', 'message.empty', '{}'),
            ('^This gateway carries no files\.$', 'message.no_files', '{}'),
            ('^The mailbox has no server to send by \(smtp\)\.$', 'smtp.none', '{}'),
            ('^The mail server says (\d{3} .*)$', 'smtp.refused', '{reason}'),
            ('^The mail server cannot deliver to international addresses\.$', 'smtp.ascii_only', '{}'),
            ('^The mail server went away while taking the message; it may have arrived\.$', 'smtp.unanswered', '{}'),
            ('^The mail server went away', 'smtp.went_away', '{}'),
            ('^The mail is (\d{1,9}(?:\.\d+)?) MB; (?:this mailbox sends|its server takes) at most (\d{1,9}(?:\.\d+)?) MB\.$', 'mail.too_large', '{size,most}'),
            ('^''(.*)'' is not an address mail can be sent to\.$', 'mail.address', '{address}'),
            ('^(\S+@\S+) could not be reached: (.*)$', 'mail.returned', '{address,reason}')
        ) r (pattern, code, names)
    loop
        m := regexp_match(said, rule.pattern);
        if m is not null then
            return jsonb_build_object('code', rule.code, 'params', coalesce((
                select jsonb_object_agg(n.name, case when n.name = any('{number,status,most,size}')
                    then to_jsonb(replace(m[n.i], ',', '')::numeric) else to_jsonb(left(m[n.i], 500)) end)
                from unnest(rule.names) with ordinality n (name, i)), '{}'));
        end if;
    end loop;
    return null;
end $$;

create or replace function pg_temp.lost(said text) returns jsonb language sql as $$
    select jsonb_build_object('code', r.code, 'params', case when r.name is null then '{}' else jsonb_build_object(r.name,
        case when r.name = any('{size,status}') then to_jsonb(m.m[1]::int) else to_jsonb(m.m[1]) end) end)
    from (values
        ('^The file is larger than (\d{1,9}) MB\.$', 'media.too_large', 'size'),
        ('^Twilio answers (403|404|410)\.$', 'media.gone', 'status'),
        ('^Twilio answers (\d{1,9})\.$', 'media.refused', 'status'),
        ('did not answer', 'media.unanswered', null),
        ('^Twilio''s storage sends us around in circles\.$', 'media.unanswered', null),
        ('^The file lies at (.+), which is not Twilio''s\.$', 'media.foreign', 'host'),
        ('^(?:The file''s address is not one|This is no file of Twilio''s API)\.$', 'media.address', null),
        ('^The account is gone, or its connector fetches no files\.$', 'media.unusable', null),
        ('^The file could not be fetched: (.*)\.$', 'media.failed', 'reason')
    ) r (pattern, code, name)
    cross join lateral (select regexp_match(said, r.pattern) as m) m
    where m.m is not null limit 1
$$;

create or replace function pg_temp.unsaid(said text) returns jsonb language sql as $$
    select jsonb_build_object('code', 'unsaid.' || r.kind, 'params', '{}'::jsonb, 'text', said)
    from (values
        ('empty', '(An empty message)'), ('sticker', '(A sticker)'), ('contacts', '(A contact)'), ('order', '(An order)'),
        ('form', '(Answers to a form)'), ('location', '(A place)'), ('reaction', '(Took a reaction back)'),
        ('call', '(A call on WhatsApp)'), ('system', '(A notice of WhatsApp)'), ('poll', '(A poll)'),
        ('product', '(A question about a product)'), ('file', '(A file that did not come along)')
    ) r (kind, words) where r.words = said
    union all
    select jsonb_build_object('code', 'unsaid.unknown', 'params', jsonb_build_object('kind', m.m[1]), 'text', said)
    from (select regexp_match(said, '^\(A message that cannot be shown here: ([^()]{0,40})\)$') as m) m where m.m is not null
$$;

create or replace procedure pg_temp.recode() language plpgsql as $$
declare
    first bigint;
    last bigint;
begin
    select min(id), max(id) into first, last from outbound;
    while first <= last loop
        update outbound o set code = r.found ->> 'code', params = r.found -> 'params'
        from (select b.id, pg_temp.reason(b.error) as found from outbound b
              where b.id >= first and b.id < first + 10000 and b.error is not null and b.code is null) r
        where o.id = r.id and o.code is null and r.found is not null;
        commit;
        first := first + 10000;
    end loop;
    select min(id), max(id) into first, last from media;
    while first <= last loop
        update media m set code = r.found ->> 'code', params = r.found -> 'params'
        from (select f.id, pg_temp.lost(f.error) as found from media f
              where f.id >= first and f.id < first + 10000 and f.error is not null and f.code is null) r
        where m.id = r.id and m.code is null and r.found is not null;
        commit;
        first := first + 10000;
    end loop;
    select min(id), max(id) into first, last from interaction;
    while first <= last loop
        update interaction i set meta = i.meta || jsonb_build_object('said', r.found)
        from (select x.id, pg_temp.unsaid(x.text) as found from interaction x
              where x.id >= first and x.id < first + 10000 and x.kind = 'message' and x.direction = 'in'
                and x.text like '(%)' and length(x.text) < 90 and not x.meta ? 'said') r
        where i.id = r.id and r.found is not null;
        commit;
        first := first + 10000;
    end loop;
    select min(id), max(id) into first, last from conversation;
    while first <= last loop
        update conversation v set said = r.found
        from (select x.id, pg_temp.unsaid(x.preview) as found from conversation x
              where x.id >= first and x.id < first + 10000 and x.preview like '(%)' and length(x.preview) < 90
                and x.said ->> 'text' is distinct from x.preview) r
        where v.id = r.id and v.preview = r.found ->> 'text';
        commit;
        first := first + 10000;
    end loop;
end $$;

call pg_temp.recode();
