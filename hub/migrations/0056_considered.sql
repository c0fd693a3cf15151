-- Whom a decision passed over, as the router writes it and as it is read: whole, so no statement takes it apart and it
-- need not be stored so that one could. `candidates` holds those of older decisions; version 0.1.0 finds none in newer ones.
alter table decision add column if not exists considered json;
