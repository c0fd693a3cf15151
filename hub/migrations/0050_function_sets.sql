-- Which sets of functions and views are here (hub_v1, hub_v2, …): one for each release that works on this database. The
-- set of the newest and of the one before stay; a hub that is older yet does not start. Those of 0.1.0 lie in `public`.
create table function_set (
    number  integer primary key,
    release text not null, -- empty: laid by a hub that was not released yet
    digest  text not null, -- of the texts
    laid_at timestamptz not null default now()
);

alter table compatibility
    add column attached integer not null default 0, -- the newest set: its triggers hang on the tables
    add column attached_digest text not null default '';
