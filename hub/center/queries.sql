-- templates: The canned texts there are.
select key, locale, name, channel, account, subject, body from template;

-- put_template: One canned text as the file says.
insert into template (key, locale, name, channel, account, subject, body)
values (%(key)s, %(locale)s, %(name)s, %(channel)s, %(account)s, %(subject)s, %(body)s)
on conflict (key, locale) do update set name = excluded.name, channel = excluded.channel, account = excluded.account, subject = excluded.subject,
    body = excluded.body;

-- meta: What there is one of in the file, as it was applied last.
select value from meta where key = %(key)s;

-- put_meta: The same, as the file says now.
insert into meta (key, value) values (%(key)s, %(value)s) on conflict (key) do update set value = excluded.value;

-- yielding: What each channel gives way to.
select channel, yields_to from channel_policy;

