-- Orders can be holds that expire, say what becomes of what is short, and wait in line for stock.

-- Ended states sort from FAILED on. A label cannot be used in the transaction that adds it, so what follows names none of these.
alter type order_status add value 'EXPIRED';
alter type order_event_type add value 'OrderConfirmed';
alter type order_event_type add value 'HoldExtended';
alter type order_event_type add value 'OrderExpired';
alter type failure_reason add value 'OUT_OF_STOCK';
create type if_short as enum ('ASK_SUPPLIER', 'WAIT', 'FAIL');

alter table orders
  add column if_short if_short not null default 'ASK_SUPPLIER',
  -- of a hold; one that has ended keeps it
  add column expires_at timestamptz(3);
-- the timer of all holds
create index orders_expires_at_idx on orders (expires_at) where (expires_at is not null and status < 'FAILED');
-- lists of holds. It has nothing in it for a shop that has none
create index orders_hold_status_id_idx on orders (status, id) where (expires_at is not null);

-- Set while a line is in its SKU's queue: how many must be promisable for its order to be looked at again, or 0 for an order
-- that came while the queue was served, and was not looked at yet. Usual orders never have it, so their updates stay HOT.
alter table order_lines
  add column queued_qty integer,
  add constraint order_lines_queued_qty_check check (queued_qty is null or queued_qty between 0 and qty);
update order_lines set queued_qty = qty - reserved - shipped - cancelled
from orders
where orders.id = order_lines.order_id and orders.status = 'AWAITING_RESTOCK' and qty > reserved + shipped + cancelled;
-- a queue in its order. The quantity is part of it: lines that do not fit cost no look at the table
create index order_lines_queue_idx on order_lines (sku, order_id, queued_qty) where (queued_qty is not null);
-- the smallest quantity of a queue
create index order_lines_queued_qty_idx on order_lines (sku, queued_qty) where (queued_qty is not null);

-- The mark of a SKU whose queue is being served. There is a job serve-waiting for each.
create table serving (
  sku text not null constraint serving_pkey primary key
)
-- a few rows that come and go all the time
with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0);

-- Who waits today may fit: stock that came meanwhile served nobody.
insert into serving (sku) select distinct sku from order_lines where queued_qty is not null;
do $$
begin
  -- not by its arguments: before PostgreSQL 16 a type of a schema that is not there is an error
  if to_regproc('graphile_worker.add_jobs') is not null then
    perform graphile_worker.add_jobs(array(
      select ('serve-waiting', json_build_object('sku', sku), null, now(), 8::smallint, null, null, null)::graphile_worker.job_spec
      from serving order by sku
    ));
  end if;
end
$$;
