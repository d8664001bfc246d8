-- First what needs the whole table: behind a backup it fails within seconds, before an index is built that would be undone.
drop index orders_unreserved_idx, orders_sku_id_idx, orders_customer_id_id_idx;
drop index dead_letters_open_idx;

-- Each list of orders is a range of one index, newest first, whichever states are few and whichever are most: a partial index
-- does not serve the state that it leaves out, and an index without the state is read past all orders of another.
create index orders_status_id_idx on orders (status, id);
create index orders_sku_status_id_idx on orders (sku, status, id);
create index orders_customer_id_status_id_idx on orders (customer_id, status, id) where (customer_id is not null);

-- in the order of a column that has but one value there: the primary key, which leads past all that were retried, is none
create index dead_letters_open_idx on dead_letters (retried_at, id) where (retried_at is null);

-- Statistics follow what grows within minutes. By default they wait for a tenth of the table.
alter table inventory_items set (autovacuum_analyze_scale_factor = 0.02);
alter table order_events set (autovacuum_analyze_scale_factor = 0.02);
alter table inventory_movements set (autovacuum_analyze_scale_factor = 0.02);
alter table idempotency_keys set (autovacuum_analyze_scale_factor = 0.02);
