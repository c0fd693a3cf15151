-- Roles are rows, so that an administrator can make them; what each may do is a permission with a scope.
create table role (
    id         bigint generated always as identity unique,
    key        text primary key check (key ~ '^[a-z][a-z0-9_-]{0,39}$'),
    name       text not null check (name <> ''),
    source     text not null default 'page' check (source in ('built-in', 'file', 'page')), -- who owns the row
    version    integer not null default 1,
    created_at timestamptz not null default now(),
    archived_at timestamptz
);

create table role_permission (
    role_key   text not null references role (key) on delete cascade,
    permission text not null,   -- a member of hub.access.permissions.Permission; unknown ones grant nothing
    scope      text not null check (scope in ('own', 'queue', 'all')),
    primary key (role_key, permission)
);

insert into role (key, name, source) values
    ('agent', 'Agent', 'built-in'), ('supervisor', 'Supervisor', 'built-in'),
    ('analyst', 'Analyst', 'built-in'), ('admin', 'Administrator', 'built-in');

insert into role_permission (role_key, permission, scope)
select r.key, p.permission, r.scope
from (values ('agent', 'queue'), ('supervisor', 'queue'), ('admin', 'all')) as r (key, scope)
cross join (values
    ('conversation.read', 1), ('conversation.reply', 1), ('conversation.handle', 1), ('contact.read', 1), ('contact.edit', 1),
    ('call.make', 1), ('recording.play', 1), ('board.read', 1),
    ('call.supervise', 2), ('report.read', 2), ('event.read', 2), ('send.settle', 2), ('quarantine.manage', 2), ('channel.read', 2),
    ('channel.manage', 3), ('queue.manage', 3), ('role.manage', 3)) as p (permission, least)
where p.least <= case r.key when 'agent' then 1 when 'supervisor' then 2 else 3 end;
-- a permission that is not bound to a queue reaches everything for whoever has it
update role_permission set scope = 'all' where permission = 'contact.read';
insert into role_permission (role_key, permission, scope) values
    ('analyst', 'board.read', 'all'), ('analyst', 'report.read', 'all');

alter table agent drop constraint agent_role_check;
alter table agent add constraint agent_role_fkey foreign key (role) references role (key);
create index agent_role on agent (role);

-- Queues are kept by the file or by their page, see hub.core.records; those there are came from the file.
alter table queue add column source text not null default 'file' check (source in ('file', 'page')),
    add column version integer not null default 1;
