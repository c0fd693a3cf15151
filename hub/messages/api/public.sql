-- sent_file: A file that goes out with a message of ours; never one that came in.
select f.name, f.content_type, f.body, f.file_id from attachment f join interaction i on i.id = f.interaction_id
where f.id = %(id)s and i.direction = 'out';
