-- frozen: Whether this may be a copy of another database.
select sending_frozen_since() is not null;

-- page: The next files that are kept, in order.
select id from stored_file where state = 'kept' and id > %(after)s order by id limit %(limit)s;

-- mark: Which of these no row names, since when.
update stored_file f set unnamed_at = case when n.named then null else clock_timestamp() end
from (
    select s.id, exists (select from attachment a where a.file_id = s.id) or exists (select from raw r where r.file_id = s.id)
              or exists (select from call_recording c where c.file_id = s.id) as named
    from unnest(%(ids)s::bigint[]) s (id)
) n
where f.id = n.id and f.state = 'kept' and n.named <> (f.unnamed_at is null);

-- leave: What no row has named for long is on its way out. Who is about to name it has said so on its row (`here`).
update stored_file f set state = 'leaving', at = clock_timestamp()
where f.id = any(%(ids)s::bigint[]) and f.state = 'kept' and f.unnamed_at < clock_timestamp() - %(grace)s::interval
  and not exists (select from attachment a where a.file_id = f.id) and not exists (select from raw r where r.file_id = f.id)
  and not exists (select from call_recording c where c.file_id = f.id);

-- give_up: What was begun so long ago that nobody writes it any more.
update stored_file set state = 'leaving', at = clock_timestamp()
where state = 'writing' and at < clock_timestamp() - %(grace)s::interval;

-- leaving: Files to be removed.
select id, encode(sha256, 'hex') as sha256, size, place, missing_at is not null as missing from stored_file
where state = 'leaving' and id > %(after)s order by id limit %(limit)s;

-- removed: It is gone.
delete from stored_file where id = %(id)s and state = 'leaving';

-- named: The next files that rows name, in order; those of one place, or all but those of another.
select f.id, encode(f.sha256, 'hex') as sha256, f.size, f.place, f.missing_at is not null as missing from stored_file f
where f.state = 'kept' and f.id > %(after)s and (%(not_in)s::text is null or f.place <> %(not_in)s)
  and (exists (select from attachment a where a.file_id = f.id) or exists (select from raw r where r.file_id = f.id)
       or exists (select from call_recording c where c.file_id = f.id))
order by f.id limit %(limit)s;

-- found_missing: It is not where it should be.
update stored_file set missing_at = clock_timestamp() where id = %(id)s and missing_at is null;

-- found_there: It is.
update stored_file set missing_at = null where id = %(id)s and missing_at is not null;

-- sizes: What lies where: files by place and state.
select place, state, count(*)::bigint as files, coalesce(sum(size), 0)::bigint as bytes, count(missing_at)::bigint as missing
from stored_file group by place, state order by place, state;

-- bodies_attachment: The next files in the database that are to leave it.
select id from attachment where id > %(after)s and octet_length(body) >= %(least)s order by id limit %(limit)s;

-- bodies_raw: The next mails as they came that are to leave it.
select id from raw where id > %(after)s and octet_length(body) >= %(least)s order by id limit %(limit)s;

-- bodies_recording: The next recordings that are to leave it.
select id from call_recording where id > %(after)s and octet_length(body) >= %(least)s order by id limit %(limit)s;

-- body_attachment: The bytes of one.
select body from attachment where id = %(id)s;

-- body_raw: The bytes of one.
select body from raw where id = %(id)s;

-- body_recording: The bytes of one.
select body from call_recording where id = %(id)s;

-- out_attachment: They are elsewhere now.
update attachment set body = null, file_id = %(file_id)s, size = %(size)s where id = %(id)s and body is not null;

-- out_raw: They are elsewhere now.
update raw set body = null, file_id = %(file_id)s where id = %(id)s and body is not null;

-- out_recording: They are elsewhere now.
update call_recording set body = null, file_id = %(file_id)s where id = %(id)s and body is not null;

-- rows_raw: Mails as they came have their bytes here, or in another place.
update raw set body = %(body)s, file_id = %(to)s where file_id = %(id)s;

-- rows_attachment: Files have their bytes here, or in another place.
update attachment set body = %(body)s, file_id = %(to)s where file_id = %(id)s;

-- rows_recording: Recordings have their bytes here, or in another place.
update call_recording set body = %(body)s, file_id = %(to)s where file_id = %(id)s;
