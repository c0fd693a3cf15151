-- fold: Add changes up, so that there are few rows to read. Whoever reads meanwhile sees them before or after, never twice.
with gone as (
    delete from queue_count_change returning queue_id, what, n
), added as (
    insert into queue_count as c (queue_id, what, n)
    select queue_id, what, sum(n) from gone group by queue_id, what order by queue_id, what
    on conflict (queue_id, what) do update set n = c.n + excluded.n
)
select count(*)::int from gone;

-- recount: Count anew, and put right what is kept; what was wrong.
select queue_id, what, n from recount();
