-- templates: The canned texts there are.
select key, locale, name, channel, account, subject, body from template;

-- put_template: One canned text as the file says.
insert into template (key, locale, name, channel, account, subject, body)
values (%(key)s, %(locale)s, %(name)s, %(channel)s, %(account)s, %(subject)s, %(body)s)
on conflict (key, locale) do update set name = excluded.name, channel = excluded.channel, account = excluded.account, subject = excluded.subject,
    body = excluded.body;

-- automation: The delays of what follows by itself.
select value from meta where key = 'automation';

-- put_automation: The delays as the file says.
insert into meta (key, value) values ('automation', %(value)s) on conflict (key) do update set value = excluded.value;
