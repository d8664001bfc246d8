-- Holdfast's invariants: what must hold at any moment between two transactions, whatever crashed before.
-- One row for each breach, with the name of the invariant, what breaks it, and the cause where it can be told.
-- No row: all hold. Causes are subqueries of breaches, and cost nothing while there are none.
-- docs/reliability.md says which test tries to break what.
-- `jobs` and `awaiting` come before it, from find-breaches.ts: which job an order needs is said in sql/queue.

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
  select order_id, version, from_status, lag(to_status) over per_order as previous_status, lag(version) over per_order as previous_version
  from order_events window per_order as (partition by order_id order by version)
), running as (
  select sku, available_after, sum(delta) over (partition by sku order by id) as sum_so_far
  from inventory_movements
), gaps as (
  -- of SKUs with a gap alone: with the windows below on every movement the check took twice as long
  select
    id, sku, actor, available_after,
    sum(delta) over (partition by sku order by id) as sum_so_far,
    available_after - sum(delta) over (partition by sku order by id) as gap
  from inventory_movements
  where sku = any (array(select distinct sku from running where available_after <> sum_so_far))
), steps as (
  -- a gap is reported where it opens. What reconcile closed it by tells nothing of how it came about
  select
    *, lag(gap, 1, 0::bigint) over per_sku as gap_before,
    case when lead(actor) over per_sku = 'reconcile' then gap else lead(gap) over per_sku end as gap_behind
  from gaps window per_sku as (partition by sku order by id)
), mismatched as (
  -- per SKU: orders and reservations that do not go together, so that it is not the counters that are to be mended
  select
    sku,
    array_to_string((array_agg(problem order by problem))[1:10], ', ')
      || case when count(*) > 10 then format(' and %s more', count(*) - 10) else '' end as problems
  from (
    select
      orders.sku as ordered_sku, taken.sku as taken_sku,
      case
        when orders.id is null then format('movement %s reserves for order %s, which does not exist', taken.id, taken.order_id)
        when taken.id is null then format('order %s is RESERVED without a RESERVATION', orders.id)
        when orders.status <> 'RESERVED' then format('order %s is %s with a RESERVATION', orders.id, orders.status)
        else format('order %s and its RESERVATION differ', orders.id)
      end as problem
    from orders full join (select * from inventory_movements where type = 'RESERVATION') as taken on taken.order_id = orders.id
    where orders.id is null or (orders.status = 'RESERVED') <> (taken.id is not null)
      or taken.delta <> -orders.qty or taken.sku <> orders.sku
  ) as problems
  cross join lateral (select ordered_sku union select taken_sku) as skus (sku)
  where sku is not null
  group by sku
)

select 'available is never below zero' as invariant, sku as subject, available::text as detail,
  'the CHECK that refuses it is gone' as cause
from inventory_items where available < 0

union all
select 'available is the sum of the movements', coalesce(inventory_items.sku, ledger.sku),
  format('available %s, ledger %s', inventory_items.available, coalesce(ledger.available, 0)),
  case
    when inventory_items.sku is null then 'there are movements of it, and no item'
    else coalesce((select problems from mismatched where mismatched.sku = inventory_items.sku), (
      select case
        when last.available_after = coalesce(ledger.available, 0) then format(
          'the counter was changed by %s without a movement',
          to_char(inventory_items.available - last.available_after, 'FMSG9999999999999999990')
        )
        when last.available_after = inventory_items.available then format(
          'the ledger was changed: a movement was altered or is missing at movement %s or before it; the counter is what the last says',
          (
            select min(id) from (
              select id, available_after - sum(delta) over (order by id) as gap
              from inventory_movements where sku = inventory_items.sku
            ) as own where gap <> 0
          )
        )
      end
      from coalesce((
        select available_after from inventory_movements where sku = inventory_items.sku order by id desc limit 1
      ), 0) as last (available_after)
    ))
  end
from inventory_items full join ledger using (sku)
where inventory_items.available is distinct from coalesce(ledger.available, 0)

union all
select 'reserved is the sum of the reserved orders', coalesce(inventory_items.sku, promised.sku),
  format('reserved %s, orders %s', inventory_items.reserved, coalesce(promised.reserved, 0)),
  case
    when inventory_items.sku is null then 'there are orders of it, and no item'
    else coalesce((select problems from mismatched where mismatched.sku = inventory_items.sku), format(
      'the counter alone was changed, by %s',
      to_char(inventory_items.reserved - coalesce(promised.reserved, 0), 'FMSG9999999999999999990')
    ))
  end
from inventory_items full join promised using (sku)
where inventory_items.reserved is distinct from coalesce(promised.reserved, 0)

union all
select 'each movement follows from the one before', sku, format('movement %s: after it %s, summed up %s', id, available_after, sum_so_far),
  format(
    case
      -- what comes behind, or the counter, does not have the gap
      when gap_before = coalesce(gap_behind, (select available from inventory_items where sku = steps.sku) - sum_so_far)
        then 'its available_after was altered by %s'
      else 'a movement of %s before it is missing, or its delta was altered'
    end,
    to_char(gap - gap_before, 'FMSG9999999999999999990')
  )
from steps where gap <> 0 and gap <> gap_before

union all
select 'a reserved order has its one reservation, and no other has any', orders.id::text,
  format('%s with %s reservations', orders.status, count(taken.id)),
  case
    when (select to_status from order_events where order_id = orders.id order by version desc limit 1) <> orders.status
      then 'its status was changed without an event'
    when orders.status = 'RESERVED' then 'its reservation was deleted'
    else 'a reservation was written without an event'
  end
from orders left join inventory_movements as taken on taken.order_id = orders.id and taken.type = 'RESERVATION'
group by orders.id
having count(taken.id) <> case when orders.status = 'RESERVED' then 1 else 0 end

union all
select 'a reservation takes what its order wants, of its SKU', taken.order_id::text, format('%s of %s', taken.delta, taken.sku),
  case
    when orders.id is null then 'there is no such order'
    when taken.available_after = taken.delta + coalesce((
      select available_after from inventory_movements as past where past.sku = taken.sku and past.id < taken.id order by id desc limit 1
    ), 0) then format('the ledger follows at movement %s: the order was changed', taken.id)
    else format('movement %s was altered', taken.id)
  end
from inventory_movements as taken left join orders on orders.id = taken.order_id
where taken.type = 'RESERVATION' and (orders.id is null or taken.delta <> -orders.qty or taken.sku <> orders.sku)

union all
select 'a supplier''s receipt brings what its order wants, of its SKU', brought.order_id::text, format('%s of %s', brought.delta, brought.sku),
  case
    when orders.id is null then 'there is no such order'
    when brought.available_after = brought.delta + coalesce((
      select available_after from inventory_movements as past where past.sku = brought.sku and past.id < brought.id order by id desc limit 1
    ), 0) then format('the ledger follows at movement %s: the order was changed', brought.id)
    else format('movement %s was altered', brought.id)
  end
from inventory_movements as brought left join orders on orders.id = brought.order_id
where brought.type = 'SUPPLIER_RECEIPT'
  and (orders.id is null or brought.delta <> orders.qty or brought.sku <> orders.sku or orders.status <> 'RESERVED')

union all
select 'an order that is not final has the job that brings it on', awaiting.id::text, awaiting.status::text,
  case
    when (select to_status from order_events where order_id = awaiting.id order by version desc limit 1) <> awaiting.status
      then 'its status was changed without an event'
    when exists (select from jobs where jobs.order_id = awaiting.id::text) then 'its job is lost; there is one of another step'
    else 'its job is lost'
  end
from awaiting
where not exists (select from jobs where jobs.order_id = awaiting.id::text and jobs.step = awaiting.step)

union all
select 'an idempotency key has its order', caller || ' ' || key, order_id::text,
  case when exists (select from order_events where order_events.order_id = idempotency_keys.order_id) then 'its order was deleted' end
from idempotency_keys
where not exists (select from orders where orders.id = idempotency_keys.order_id)

union all
select 'events number an order''s version', coalesce(orders.id, history.order_id)::text,
  format('version %s, %s events to version %s', orders.version, history.events, history.version),
  case
    when orders.id is null then 'its order was deleted'
    when history.order_id is null then 'its events were deleted'
    when history.events < history.version then 'an event was deleted'
    when orders.version > history.version then 'the version was changed without an event, or the last event was deleted'
    else 'the version was changed'
  end
from orders full join history on history.order_id = orders.id
where orders.id is null or history.order_id is null
  or orders.version <> history.events or orders.version <> history.version

union all
select 'the last event says where the order is', orders.id::text, format('order %s, event %s', orders.status, history.status),
  case when orders.version = history.version then 'the order was changed without an event' end
from orders join history on history.order_id = orders.id
where orders.status <> history.status or orders.failure_reason is distinct from history.reason

union all
select 'each event starts where the one before ended', order_id::text, format('version %s starts at %s after %s', version, from_status, previous_status),
  case when version <> coalesce(previous_version, 0) + 1 then 'an event before it was deleted' else 'it or the one before was altered' end
from chained
where from_status is distinct from previous_status or version <> coalesce(previous_version, 0) + 1

union all
select 'an order''s SKU exists', orders.id::text, orders.sku,
  case
    when exists (select from inventory_movements where inventory_movements.sku = orders.sku) then 'the item was deleted'
    when exists (select from inventory_movements where inventory_movements.order_id = orders.id and inventory_movements.sku <> orders.sku)
      then 'the order was changed: its movements are of another SKU'
  end
from orders where not exists (select from inventory_items where inventory_items.sku = orders.sku)

order by invariant, subject;
