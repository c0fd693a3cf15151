-- results: Record results and reports; see migrations/functions/outbox.sql.
select * from outbox_results(%(items)s);
