-- source: The HTML of a message, as it came.
select id, html, (meta ->> 'html_own_end')::int as own_end from interaction where id = %(id)s and html is not null;

-- keep: A message's page; one by older rules gives way.
insert into page (interaction_id, version, own, whole, pictures, error)
values (%(id)s, %(version)s, %(own)s, %(whole)s, %(pictures)s, %(error)s)
on conflict (interaction_id) do update set version = excluded.version, own = excluded.own, whole = excluded.whole,
    pictures = excluded.pictures, error = excluded.error
where page.version < excluded.version;
