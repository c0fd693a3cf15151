-- Which database this is: its cluster, itself in that cluster, and its table of sends, which every dump makes anew.
create function sending_identity() returns text language sql stable as $$
    select (select system_identifier from pg_control_system()) || '.' || d.oid || '.' || 'outbound'::regclass::oid
    from pg_database d where d.datname = current_database()
$$;

-- Since when nothing leaves; null while everything may. Infinity: a copy of another database, not yet noticed.
create function sending_frozen_since() returns timestamptz language sql stable as $$
    select nullif(coalesce(
        (select case when s.identity = sending_identity() then coalesce(s.frozen_at, '-infinity') else 'infinity' end from sending s),
        'infinity'), '-infinity')
$$;

-- Whatever asks to send, a worker of an older version too: while sending is frozen no send is claimed or crosses the line.
create function sending_stands() returns trigger language plpgsql set search_path from current as $$
begin
    if sending_frozen_since() is null then
        return new;
    end if;
    return null;
end $$;
