-- queues: The queues that take work, and whether somebody serves each.
select q.key, exists (select from queue_staff p where p.queue_id = q.id) as served from queue q where q.archived_at is null;
