-- An order is written once and updated once or twice, on pages that are then left alone. By default PostgreSQL waits for
-- a fifth of the table: with a million orders, 200,000 dead rows and as many dead index entries.
alter table orders set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);
-- Few rows that are updated all the time: vacuumed without its usual pauses, before they spread.
alter table inventory_items set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
alter table workers set (autovacuum_vacuum_cost_delay = 0);
