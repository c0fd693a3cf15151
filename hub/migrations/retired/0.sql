-- Run when the functions of 0.1.0 and of what came before 0.2.0, which lay in `public`, are no longer needed. A 0.1.0 that
-- is started after that would lay them anew: the name of the constraint is the sentence in which it ends.
do $$
declare
    names text[] := array[
        'agent_fits', 'chat_follow', 'chat_status', 'contact_label', 'entry_rests', 'entry_rests_at_once', 'files_said',
        'intake', 'known_as', 'last_answered_by', 'log_horizon', 'namesake', 'other_id', 'outbound_claim', 'outbox_results',
        'person_of', 'rating_shown', 'reply_to_counts', 'router_commit', 'said_now', 'say_files', 'sending_frozen_since',
        'sending_identity', 'sending_stands', 'survey_claim', 'survey_open'];
    command text;
begin
    drop view if exists public.offer_view, public.offer_shown, public.entry_view, public.conversation_summary,
        public.interaction_shown, public.interaction_view, public.router_entry, public.router_entry_ever, public.router_agent;
    foreach command in array coalesce((
        select array_agg(format('drop routine %s', p.oid::regprocedure) order by p.oid desc) from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any(names)), '{}')
    loop execute command; end loop;
    drop type if exists public.intake_item, public.intake_place, public.intake_desk, public.intake_end, public.intake_caller;
    delete from migration where name like 'functions/%';
    if not exists (select from pg_constraint where conrelid = 'migration'::regclass and contype = 'c') then
        alter table migration add constraint "this hub is too old for the database: start the newest one"
            check (name not like 'functions/%');
    end if;
end $$;
