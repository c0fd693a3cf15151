-- there: Whether the hub's database exists.
select 1 from pg_database where datname = 'hub';

-- create: An empty database for the hub.
create database hub;
