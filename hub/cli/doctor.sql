-- hours: All opening hours.
select key, timezone, week, holidays from hours order by key;
