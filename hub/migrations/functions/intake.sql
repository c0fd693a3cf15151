-- Takes in a batch of translated messages in one round trip, set-based, so that a hundred cost little more than one.
-- Called by hub/messages/intake.py, which has the steps before and after these (hub/messages/arrival_steps.py).
--
-- The steps, in their order. Each is a function of its name in intake_*.sql, which gets the messages (`items`, as they
-- came) and what is known of them so far (`messages`), and gives that back with what it found out:
--
--    1 intake_store             the bytes under the sender's own key; whose address it is, a new contact's else
--    2 intake_repeats           what was here already goes no further
--    3 intake_copies            nor does a mail that another mailbox of ours has brought
--    4 intake_conversation      which conversation each belongs to, if there is one
--    5 intake_quiet             rule on arrival: what is nobody's work starts no clock and waits nowhere
--    6 intake_begin             conversations that begin
--    7 intake_continue          conversations that go on
--    8 intake_early_answer      what answers a mail that is not here yet
--    9 intake_resume            a wrap-up is over when the customer goes on
--   10 intake_weigh             what weighed nothing while the customer was silent weighs again
--   11 intake_notify            the agents who have it hear of it
--   12 intake_queue             what nobody has waits in the queue
--   13 intake_unassign          and lies on nobody's desk meanwhile
--   14 the interactions, the log, and the answer to the caller
--
-- A later rule on arrival (where it waits, how urgent it is, what it is tagged with) is one more step after 5: it reads
-- `items`, and notes in `messages` what the steps behind it are to do. tests/unit/messages/test_intake_steps.py holds this
-- list to the function below.
--
-- A step is skipped when there is nothing for it: at a few messages a call, most of the time is the start of statements.
-- Several statements, not one: each sees what others committed while it waited for a lock. Locks in one order: raw,
-- address, conversation, queue_entry, agent_state; each set sorted.
--
-- What is looked up by key is looked up in a `lateral (… offset 0)`: a plan is made once and kept, and made while tables
-- were small it would read them whole and join afterwards. An element of `items` is never read by its number: the array
-- is searched from its beginning each time, which would make a batch cost its square.

create type intake_item as (
    n int, account_id bigint, connector text, dedup_key text, raw_type text, raw_file bigint, -- where its bytes are, if not here
    kind text, address text, number text, name text, subject text, text text, html text,
    external_id text, refs text[], hint bigint, session boolean, verified boolean, automatic boolean,
    locale text, at timestamptz, meta jsonb, channel text, quiet text, -- see hub/channels/quiet.py
    page_version int, page_own text, page_whole text, page_pictures text[], page_error text
);

-- What is known of a message so far: ids and short words, so that texts are parsed once and copied no more than needed.
create type intake_message as (
    n int, duplicate boolean, raw_id bigint, account_id bigint, channel text, session boolean,
    automatic boolean, -- of no person, or as good as that: nobody has to do anything about it
    quiet boolean,     -- a person's, and yet nobody's work
    address_id bigint, contact_id bigint, contact_name text, conversation_id bigint, is_new boolean,
    seq bigint, is_last boolean, -- of its conversation in this batch
    interaction_id bigint, event_id bigint,
    had_agent boolean, -- the conversation was on somebody's desk before
    rested boolean,    -- and weighed nothing there, its customer being silent
    idle boolean,      -- the conversation has no live entry and needs one
    released boolean,  -- its agent had no room for it
    agent_id bigint, agent_seq bigint,  -- who hears of it, and the place on their topic
    entry_id bigint, queue_id bigint,   -- where it waits now
    at timestamptz, entry text          -- the entry as the router reads it, JSON
);

-- `message` with what a step found out, by name; null leaves what was known. Inlined, so that it costs nothing.
create function intake_note(
    message intake_message, n int = null, duplicate boolean = null, raw_id bigint = null, account_id bigint = null,
    channel text = null, session boolean = null, automatic boolean = null, quiet boolean = null, address_id bigint = null,
    contact_id bigint = null, contact_name text = null, conversation_id bigint = null, is_new boolean = null,
    seq bigint = null, is_last boolean = null, interaction_id bigint = null, event_id bigint = null,
    had_agent boolean = null, rested boolean = null, idle boolean = null, released boolean = null, agent_id bigint = null,
    agent_seq bigint = null, entry_id bigint = null, queue_id bigint = null, at timestamptz = null, entry text = null
) returns intake_message language sql immutable as $$
    select row(
        coalesce(n, message.n), coalesce(duplicate, message.duplicate), coalesce(raw_id, message.raw_id),
        coalesce(account_id, message.account_id), coalesce(channel, message.channel), coalesce(session, message.session),
        coalesce(automatic, message.automatic), coalesce(quiet, message.quiet), coalesce(address_id, message.address_id),
        coalesce(contact_id, message.contact_id), coalesce(contact_name, message.contact_name),
        coalesce(conversation_id, message.conversation_id), coalesce(is_new, message.is_new), coalesce(seq, message.seq),
        coalesce(is_last, message.is_last), coalesce(interaction_id, message.interaction_id),
        coalesce(event_id, message.event_id), coalesce(had_agent, message.had_agent), coalesce(rested, message.rested),
        coalesce(idle, message.idle), coalesce(released, message.released), coalesce(agent_id, message.agent_id),
        coalesce(agent_seq, message.agent_seq), coalesce(entry_id, message.entry_id), coalesce(queue_id, message.queue_id),
        coalesce(at, message.at), coalesce(entry, message.entry))::intake_message
$$;

-- The product's numbers, by name, from hub/messages/arrival_steps.py.
create type intake_limits as (
    reopen_days int,       -- an answer to a conversation resolved longer ago opens a new one
    session_hours int,     -- and so does a message on a channel without threads after so long
    sticky_seconds int,    -- how long an entry waits for the agent who had it
    weight int,            -- of what waits on a channel without a policy, in hundredths of an agent
    preview_length int,    -- characters of the last message that lists show
    early_answers int,     -- how many of the mails that a mail answers are remembered when they are not here
    early_answer_days int, -- and how long
    early_answers_forgotten int -- at most at once
);

create function intake(batch json, bodies bytea[], limits json) returns setof intake_message
language plpgsql
set enable_seqscan = off -- plans are cached while tables are still small; they must stay right when they have grown
set cpu_index_tuple_cost = 10 -- to walk a whole index is never cheap, however short it was when that was planned
set enable_hashjoin = on   -- of the batch's own parts, whatever the caller's connection is set to
set enable_mergejoin = on
set enable_material = on
set plan_cache_mode = force_generic_plan
set jit = off
as $$
declare
    bounds   intake_limits := json_populate_record(null::intake_limits, limits);
    moment   timestamptz := clock_timestamp();
    items    intake_item[];    -- what came, in order of n
    messages intake_message[]; -- what is known of the fresh ones, in order of n
    here     intake_message[]; -- those that were here already
    answers  boolean;          -- whether some say themselves where they belong
    mails    boolean;          -- whether some are mails with an id of their own
    quiets   boolean;          -- whether some may be nobody's work
    begins   boolean;          -- whether conversations begin
    goes_on  boolean;          -- whether conversations go on
    idle     boolean := false; -- whether some that go on wait in no queue
    on_desk  boolean := false; -- whether agents have some of them
    rested   boolean := false; -- and whether some weighed nothing there
    released boolean := false; -- and did not fit any more
begin
    select array_agg(i order by i.n), coalesce(bool_or(i.hint is not null or i.refs <> '{}'), false),
           coalesce(bool_or(i.channel = 'email' and i.external_id is not null), false), bool_or(i.quiet is not null)
    into items, answers, mails, quiets
    from json_populate_recordset(null::intake_item, batch) i;

    messages := intake_store(items, bodies, moment);
    if coalesce(cardinality(messages), 0) < cardinality(items) then
        here := intake_repeats(items, messages, moment);
    end if;
    if mails and messages is not null then
        here := here || intake_copies(items, messages, moment);
    end if;
    if here is not null then
        return query select h.* from unnest(here) h;
        select array_agg(m order by m.n) into messages
        from unnest(messages) m where not exists (select from unnest(here) h where h.n = m.n);
        if messages is null then
            return;
        end if;
    end if;

    answers := answers or mails and intake_is_awaited(items);
    messages := intake_conversation(items, messages, bounds, moment, answers, quiets);
    if quiets then
        messages := intake_quiet(items, messages, bounds);
    end if;
    select bool_or(m.is_new), not bool_and(m.is_new) into begins, goes_on from unnest(messages) m;
    if begins then
        messages := intake_begin(items, messages, bounds, moment);
    end if;
    if goes_on then
        messages := intake_continue(items, messages, bounds, moment);
        select bool_or(m.idle is true), bool_or(m.had_agent is true), bool_or(m.rested is true)
        into idle, on_desk, rested from unnest(messages) m;
    end if;
    if answers then
        perform intake_early_answer(items, messages, bounds, moment);
    end if;
    if on_desk then
        perform intake_resume(messages, moment);
    end if;
    if rested then
        messages := intake_weigh(messages, moment);
        released := exists (select from unnest(messages) m where m.released);
    end if;
    if on_desk then
        messages := intake_notify(messages, moment);
    end if;
    if begins or idle or released or answers then
        messages := intake_queue(messages, bounds, moment);
    end if;
    if on_desk then
        perform intake_unassign(messages);
    end if;

    return query
    with written as (
        insert into interaction (id, conversation_id, contact_id, seq, kind, direction, channel, account_id, address_id,
            subject, text, html, external_id, verified, automatic, meta, raw_id, at) overriding system value
        select m.interaction_id, m.conversation_id, m.contact_id, m.seq, 'message', 'in', m.channel, m.account_id,
               m.address_id, i.subject, i.text, i.html, i.external_id, i.verified, i.automatic, coalesce(i.meta, '{}'),
               m.raw_id, coalesce(i.at, moment)
        from unnest(messages) m join unnest(items) i on i.n = m.n
    ), pages as (
        insert into page (interaction_id, version, own, whole, pictures, error)
        select m.interaction_id, i.page_version, i.page_own, i.page_whole, coalesce(i.page_pictures, '{}'), i.page_error
        from unnest(messages) m join unnest(items) i on i.n = m.n
        where i.page_version is not null
        on conflict do nothing
    ), logged as (
        insert into event (id, at, kind, contact_id, conversation_id, conversation_seq, data) overriding system value
        select m.event_id, moment, 'interaction.created', m.contact_id, m.conversation_id, m.seq,
               jsonb_build_object('interaction_id', m.interaction_id, 'direction', 'in', 'channel', m.channel,
                                  'automatic', m.automatic and m.quiet is not true, 'new', m.is_new)
               || case when m.quiet then '{"quiet": true}'::jsonb else '{}' end
        from unnest(messages) m
    )
    select (a.message).* from (
        select intake_note(m, at => moment, entry => w.entry) as message
        from unnest(messages) m
        left join lateral (
            select row_to_json(r)::text as entry from router_entry_ever r where r.id = m.entry_id offset 0
        ) w on true
    ) a;
end $$;
