-- here: A file that is there already, and is nobody's no longer: somebody is about to name it.
update stored_file set unnamed_at = null where sha256 = %(sha256)s and place = %(place)s and state = 'kept' returning id;

-- begin: A file is about to be written; what a crash leaves of it is found by this row.
insert into stored_file (sha256, size, place) values (%(sha256)s, %(size)s, %(place)s) returning id;

-- written: It is durable there. Nothing when it took so long that it was given up; an error when others were faster.
update stored_file set state = 'kept', at = clock_timestamp() where id = %(id)s and state = 'writing';

-- give_up: It is not wanted there.
update stored_file set state = 'leaving', at = clock_timestamp() where id = %(id)s and state = 'writing';

-- file: Where a file is.
select id, encode(sha256, 'hex') as sha256, size, place, missing_at is not null as missing from stored_file where id = %(id)s;

-- missing: It is not where it should be.
update stored_file set missing_at = clock_timestamp() where id = %(id)s and missing_at is null;

-- found: It is there after all.
update stored_file set missing_at = null where id = %(id)s and missing_at is not null;

-- anything: Whether files should be in a place.
select exists (select from stored_file where place = %(place)s and state = 'kept');

-- lost: How many files are known not to be where they should.
select count(*) from stored_file where missing_at is not null and state = 'kept';
