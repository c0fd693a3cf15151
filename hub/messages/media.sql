-- claim: Files that are due, ours for two minutes; each claim counts as a try.
with due as (
    select m.id from media m
    where m.due_at <= clock_timestamp() and (m.state = 'remote' or (m.state = 'stored' and not m.gone_there))
    order by m.due_at limit %(limit)s
    for update of m skip locked
)
update media m set attempts = m.attempts + 1, due_at = clock_timestamp() + interval '2 minutes'
from due, interaction i
where m.id = due.id and i.id = m.interaction_id
returning m.id, m.interaction_id, i.conversation_id, m.account_id, m.position, m.url, m.content_type, m.state, m.attempts;

-- hold: The file's row, held until the transaction ends, if it is still to be stored.
select id from media where id = %(id)s and state = 'remote' for no key update;

-- attach: The file, with its message.
insert into attachment (interaction_id, name, content_type, body, file_id, size)
values (%(interaction_id)s, %(name)s, %(content_type)s, %(body)s, %(file_id)s, %(size)s) returning id;

-- stored: It is here; what is left to do is to delete it there, with tries of its own.
update media set state = 'stored', attachment_id = %(attachment_id)s, error = null, code = null, params = null, attempts = 1 where id = %(id)s;

-- gone_there: It no longer lies with the provider, or never will be deleted there.
update media set gone_there = true, error = null, code = null, params = null where id = %(id)s and state = 'stored';

-- lost: It will never be here.
update media set state = 'lost', gone_there = true, error = %(error)s, code = %(code)s, params = %(params)s where id = %(id)s and state = 'remote';

-- later: The next try, three seconds later and three times as long each time, an hour at most; or none, once it is here and cannot be deleted there.
update media set error = %(error)s, code = %(code)s, params = %(params)s, gone_there = gone_there or (state = 'stored' and %(lost)s),
    due_at = clock_timestamp() + least(interval '1 hour', interval '1 second' * power(3, attempts))
where id = %(id)s;
