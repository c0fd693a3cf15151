-- How many conversations are open, put aside or waiting in each queue: changes that triggers note, see 0054_counts.sql.

-- conversations_begin: Those that a statement has made, together.
create function conversations_begin() returns trigger
language plpgsql set search_path from current as $$
begin
    insert into queue_count_change (queue_id, what, n)
    select coalesce(m.queue_id, 0), m.status, count(*) from made m where m.status <> 'resolved' group by 1, 2;
    return null;
end $$;

-- conversation_moves: One that opens, sleeps, is over, goes to another queue, or is gone.
create function conversation_moves() returns trigger
language plpgsql set search_path from current as $$
begin
    if old.status <> 'resolved' then
        insert into queue_count_change (queue_id, what, n) values (coalesce(old.queue_id, 0), old.status, -1);
    end if;
    if tg_op = 'UPDATE' and new.status <> 'resolved' then
        insert into queue_count_change (queue_id, what, n) values (coalesce(new.queue_id, 0), new.status, 1);
    end if;
    return null;
end $$;

-- entries_begin: Those that a statement has put into queues, together.
create function entries_begin() returns trigger
language plpgsql set search_path from current as $$
begin
    insert into queue_count_change (queue_id, what, n)
    select m.queue_id, 'waiting', count(*) from made m where m.state in ('waiting', 'offered') group by 1;
    return null;
end $$;

-- entry_moves: One that somebody takes, that waits again, goes to another queue, or is gone.
create function entry_moves() returns trigger
language plpgsql set search_path from current as $$
begin
    if old.state in ('waiting', 'offered') then
        insert into queue_count_change (queue_id, what, n) values (old.queue_id, 'waiting', -1);
    end if;
    if tg_op = 'UPDATE' and new.state in ('waiting', 'offered') then
        insert into queue_count_change (queue_id, what, n) values (new.queue_id, 'waiting', 1);
    end if;
    return null;
end $$;

-- queue_counts: What is kept.
create view queue_counts as
select c.queue_id, c.what, sum(c.n)::bigint as n
from (select k.queue_id, k.what, k.n from queue_count k union all select d.queue_id, d.what, d.n from queue_count_change d) c
group by c.queue_id, c.what;

-- queue_counts_counted: What it should be: through the indexes of what is not over.
create view queue_counts_counted as
select coalesce(v.queue_id, 0) as queue_id, v.status as what, count(*) as n
from conversation v where v.status <> 'resolved' group by 1, 2
union all
select e.queue_id, 'waiting', sum(e.n)
from (
    select w.queue_id, count(*) as n from queue_entry w where w.state = 'waiting' group by 1
    union all
    select o.queue_id, count(*) from queue_entry o
    where o.state in ('offered', 'assigned', 'wrapping') and o.state = 'offered' group by 1
) e group by 1;

-- recount: Put right what is kept, as one more change: in one snapshot, so that nobody has to wait meanwhile. What was wrong.
create function recount() returns table (queue_id bigint, what text, n bigint) language sql as $$
    insert into queue_count_change as d (queue_id, what, n)
    select coalesce(k.queue_id, c.queue_id), coalesce(k.what, c.what), coalesce(c.n, 0) - coalesce(k.n, 0)
    from queue_counts k full join queue_counts_counted c on (c.queue_id, c.what) = (k.queue_id, k.what)
    where coalesce(c.n, 0) <> coalesce(k.n, 0)
    returning d.queue_id, d.what, d.n
$$;

-- counted_anew: After a table was emptied at once, which no row tells of.
create function counted_anew() returns trigger
language plpgsql set search_path from current as $$
begin
    perform recount();
    return null;
end $$;
