-- lock_timeout: How long statements of this transaction wait for a lock, each.
select set_config('lock_timeout', %s, true);

-- now: The time here.
select clock_timestamp();

-- answer: Whether anybody answers.
select 1;
