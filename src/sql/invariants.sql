-- Holdfast's invariants: what must hold at any moment between two transactions, whatever crashed before.
-- One row for each breach, with the name of the invariant and what breaks it. No row: all hold.
-- docs/reliability.md says which test tries to break what.

with ledger as (
  select sku, sum(delta) as available, count(*) as movements from inventory_movements group by sku
), promised as (
  select sku, sum(qty) as reserved from orders where status = 'RESERVED' group by sku
), history as (
  select
    order_id,
    count(*) as events,
    max(version) as version,
    (array_agg(to_status order by version desc))[1] as status,
    (array_agg(reason order by version desc))[1] as reason
  from order_events group by order_id
), chained as (
  select order_id, version, from_status, lag(to_status) over turn as previous_status, lag(version) over turn as previous_version
  from order_events window turn as (partition by order_id order by version)
), running as (
  select
    id, sku, delta, available_after,
    sum(delta) over (partition by sku order by id) as sum_so_far
  from inventory_movements
), jobs as (
  -- a supplier's step has a number, which a PENDING order's job does not have
  select (payload ->> 'orderId')::uuid as order_id, coalesce(payload ->> 'step', '') as step
  from graphile_worker._private_jobs
)

select 'available is never below zero' as invariant, sku as subject, available::text as detail
from inventory_items where available < 0

union all
select 'available is the sum of the movements', coalesce(inventory_items.sku, ledger.sku),
  format('available %s, ledger %s', inventory_items.available, coalesce(ledger.available, 0))
from inventory_items full join ledger using (sku)
where inventory_items.available is distinct from coalesce(ledger.available, 0)

union all
select 'reserved is the sum of the reserved orders', coalesce(inventory_items.sku, promised.sku),
  format('reserved %s, orders %s', inventory_items.reserved, coalesce(promised.reserved, 0))
from inventory_items full join promised using (sku)
where inventory_items.reserved is distinct from coalesce(promised.reserved, 0)

union all
select 'each movement follows from the one before', sku, format('movement %s: after it %s, summed up %s', id, available_after, sum_so_far)
from running where available_after <> sum_so_far

union all
select 'a reserved order has its one reservation, and no other has any', orders.id::text,
  format('%s with %s reservations', orders.status, count(taken.id))
from orders left join inventory_movements as taken on taken.order_id = orders.id and taken.type = 'RESERVATION'
group by orders.id
having count(taken.id) <> case when orders.status = 'RESERVED' then 1 else 0 end

union all
select 'a reservation takes what its order wants, of its SKU', orders.id::text, format('%s of %s', taken.delta, taken.sku)
from inventory_movements as taken left join orders on orders.id = taken.order_id
where taken.type = 'RESERVATION' and (orders.id is null or taken.delta <> -orders.qty or taken.sku <> orders.sku)

union all
select 'a supplier''s receipt brings what its order wants, of its SKU', orders.id::text, format('%s of %s', brought.delta, brought.sku)
from inventory_movements as brought left join orders on orders.id = brought.order_id
where brought.type = 'SUPPLIER_RECEIPT'
  and (orders.id is null or brought.delta <> orders.qty or brought.sku <> orders.sku or orders.status <> 'RESERVED')

union all
select 'an order that is not final has the job that brings it on', orders.id::text, orders.status::text
from orders
where orders.status in ('PENDING', 'AWAITING_RESTOCK') and not exists (
  select from jobs
  where jobs.order_id = orders.id and jobs.step = case orders.status when 'PENDING' then '' else orders.supplier_step::text end
)

union all
select 'an idempotency key has its order', caller || ' ' || key, order_id::text
from idempotency_keys
where not exists (select from orders where orders.id = idempotency_keys.order_id)

union all
select 'events number an order''s version', coalesce(orders.id, history.order_id)::text,
  format('version %s, %s events to version %s', orders.version, history.events, history.version)
from orders full join history on history.order_id = orders.id
where orders.id is null or history.order_id is null
  or orders.version <> history.events or orders.version <> history.version

union all
select 'the last event says where the order is', orders.id::text, format('order %s, event %s', orders.status, history.status)
from orders join history on history.order_id = orders.id
where orders.status <> history.status or orders.failure_reason is distinct from history.reason

union all
select 'each event starts where the one before ended', order_id::text, format('version %s starts at %s after %s', version, from_status, previous_status)
from chained
where from_status is distinct from previous_status or version <> coalesce(previous_version, 0) + 1

union all
select 'an order''s SKU exists', orders.id::text, orders.sku
from orders where not exists (select from inventory_items where inventory_items.sku = orders.sku)

order by invariant, subject;
