-- put: A recording is known; what is learned later is added.
insert into call_recording as r (call_id, external_id, kind, seconds, transcript)
values (%(call_id)s, %(external_id)s, %(kind)s, %(seconds)s, %(transcript)s)
on conflict (external_id) do update set seconds = greatest(r.seconds, excluded.seconds),
    kind = case when 'voicemail' in (r.kind, excluded.kind) then 'voicemail' else r.kind end,
    transcript = coalesce(excluded.transcript, r.transcript);

-- call: The call of a voicemail.
select id, account_id, conversation_id, interaction_id, direction, kind, external_id, number, our_number, state, locale,
       tries, queue_id, entry_id, agent_id, outcome, recording, started_at, queued_at, answered_at, ended_at
from call where id = %(id)s;

-- heard: Whether its message was queued before.
select exists (select from queue_entry e join call c on c.conversation_id = e.conversation_id
    where c.id = %(call_id)s and e.channel = 'voicemail' and e.entered_at >= c.started_at);

-- account_queue: Where a number's work waits.
select queue_id from account where id = %(id)s;

-- due: To fetch, or to delete at the provider, the oldest first. A minute's peace for the provider to finish it.
select r.id, r.external_id, r.state, c.account_id, r.call_id, c.conversation_id, r.attempts
from call_recording r join call c on c.id = r.call_id
where r.due_at <= clock_timestamp() and (r.state = 'remote' or (r.state = 'stored' and not r.gone_there))
order by r.due_at limit %(limit)s;

-- store: It is here.
update call_recording set state = 'stored', body = %(body)s, file_id = %(file_id)s, content_type = %(content_type)s, error = null,
    expires_at = clock_timestamp() + make_interval(days => %(days)s)
where id = %(id)s and state = 'remote';

-- gone_there: It is no longer at the provider.
update call_recording set gone_there = true where id = %(id)s;

-- later: Try again after a while, or never.
update call_recording set attempts = attempts + 1, error = %(error)s,
    state = case when %(lost)s and state = 'remote' then 'lost' else state end,
    gone_there = gone_there or %(lost)s,
    due_at = clock_timestamp() + least(interval '3 hours', interval '5 seconds' * power(3, attempts))
where id = %(id)s;

-- expire: What was kept long enough goes; that it existed stays.
update call_recording set state = 'deleted', body = null, file_id = null, transcript = null
where state = 'stored' and expires_at < clock_timestamp();

-- sound: A stored recording.
select r.content_type, r.body, r.file_id from call_recording r join call c on c.id = r.call_id
where r.id = %(id)s and r.state = 'stored';

-- place: Where a recording belongs.
select c.conversation_id from call_recording r join call c on c.id = r.call_id where r.id = %(id)s;

-- whose: The conversation of a recording.
select c.conversation_id from call_recording r join call c on c.id = r.call_id where r.id = %(id)s;
