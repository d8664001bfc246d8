-- Holdfast's invariants: what must hold at any moment between two transactions, whatever crashed before.
-- One row for each breach, with the name of the invariant, what breaks it, and the cause where it can be told.
-- No row: all hold. Causes are subqueries of breaches, and cost nothing while there are none.
-- docs/reliability.md says which test tries to break what.
-- `jobs`, `needed` and `served` come before it, from find-breaches.ts: which jobs there have to be is said in sql/queue.
-- A level is called by its SKU, and elsewhere than at the default location by both: `WIDGET at WEST`.

with ledger as (
  select sku, location, sum(delta) as available, sum(reserved_delta) as reserved
  from inventory_movements group by sku, location
), levels as (
  select
    sku, location,
    case location when 'MAIN' then sku else sku || ' at ' || location end as name,
    stock_levels.available, stock_levels.reserved, stock_levels.available is not null as has_level,
    coalesce(ledger.available, 0) as available_sum, coalesce(ledger.reserved, 0) as reserved_sum
  from stock_levels full join ledger using (sku, location)
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
  select
    sku, location,
    available_after <> sum(delta) over per_level or reserved_after <> sum(reserved_delta) over per_level as has_gap
  from inventory_movements window per_level as (partition by sku, location order by id)
), gaps as (
  -- of SKUs with a gap alone: with the windows below on every movement the check took twice as long
  select
    movements.id, sku, location, actor, counter, counted.after,
    sum(counted.delta) over per_counter as sum_so_far,
    counted.after - sum(counted.delta) over per_counter as gap
  from inventory_movements as movements
  cross join lateral (
    values ('available', delta, available_after), ('reserved', reserved_delta, reserved_after)
  ) as counted (counter, delta, after)
  where sku = any (array(select distinct sku from running where has_gap))
  window per_counter as (partition by sku, location, counter order by movements.id)
), steps as (
  -- a gap is reported where it opens. What reconcile closed it by tells nothing of how it came about
  select
    *, lag(gap, 1, 0::numeric) over per_counter as gap_before,
    case when lead(actor) over per_counter = 'reconcile' then gap else lead(gap) over per_counter end as gap_behind
  from gaps window per_counter as (partition by sku, location, counter order by id)
), moved as (
  -- what movements say of lines
  select
    order_id, sku,
    sum(reserved_delta) as reserved,
    coalesce(sum(-reserved_delta) filter (where type in ('SHIPMENT', 'SHIPMENT_UNDONE')), 0) as shipped,
    coalesce(sum(delta) filter (where type = 'RETURN'), 0) as restocked
  from inventory_movements where order_id is not null group by order_id, sku
), mismatched as (
  select
    order_id, sku, order_lines.qty is not null as has_line,
    order_lines.reserved, order_lines.shipped, order_lines.returned,
    coalesce(moved.reserved, 0) as reserved_moved, coalesce(moved.shipped, 0) as shipped_moved,
    coalesce(moved.restocked, 0) as restocked
  from order_lines full join moved using (order_id, sku)
  where order_lines.reserved is distinct from coalesce(moved.reserved, 0)
    or order_lines.shipped is distinct from coalesce(moved.shipped, 0)
    or order_lines.returned < coalesce(moved.restocked, 0)
), problems as (
  -- per SKU: lines and movements that do not go together, so that it is not the counters that are to be mended
  select
    sku,
    array_to_string((array_agg(problem order by problem))[1:10], ', ')
      || case when count(*) > 10 then format(' and %s more', count(*) - 10) else '' end as problems
  from (
    select sku, case
      when not has_line then format('movements are for order %s, which has no line of it', order_id)
      else format('order %s has reserved %s, its movements %s', order_id, reserved, reserved_moved)
    end as problem
    from mismatched where not has_line or reserved <> reserved_moved
  ) as each group by sku
), parts as (
  select
    order_id, sum(qty - shipped - cancelled) as open, sum(reserved) as reserved, sum(shipped) as shipped
  from order_lines group by order_id
), promisable as (
  select sku, location, available - safety_stock as qty
  from stock_levels join locations on locations.code = stock_levels.location
  where locations.is_active and available > safety_stock
), most as (
  select sku, sum(qty) as qty from promisable group by sku
), fitting as (
  -- lines that wait, of SKUs that nobody serves at the moment, and for which there is enough where their order may take from
  select order_lines.order_id, order_lines.sku, order_lines.queued_qty
  from order_lines
  join most on most.sku = order_lines.sku and most.qty >= order_lines.queued_qty
  join orders on orders.id = order_lines.order_id
  where order_lines.queued_qty > 0
    and not exists (select from serving where serving.sku = order_lines.sku)
    and (orders.locations is null or (
      select coalesce(sum(qty), 0) from promisable
      where promisable.sku = order_lines.sku and promisable.location = any (orders.locations)
    ) >= order_lines.queued_qty)
)

select 'available is never below zero' as invariant,
  case location when 'MAIN' then sku else sku || ' at ' || location end as subject, available::text as detail,
  'the CHECK that refuses it is gone' as cause
from stock_levels where available < 0

union all
select 'available is the sum of the movements', name, format('available %s, ledger %s', available, available_sum),
  case
    when not has_level then 'there are movements of it, and no level'
    else coalesce((select problems from problems where problems.sku = levels.sku), (
      select case
        when last.after = available_sum then format(
          'the counter was changed by %s without a movement', to_char(available - last.after, 'FMSG9999999999999999990')
        )
        when last.after = available then format(
          'the ledger was changed: a movement was altered or is missing at movement %s or before it; the counter is what the last says',
          (select min(id) from gaps where gaps.sku = levels.sku and gaps.location = levels.location and counter = 'available' and gap <> 0)
        )
      end
      from coalesce((
        select available_after from inventory_movements as movements
        where movements.sku = levels.sku and movements.location = levels.location order by id desc limit 1
      ), 0) as last (after)
    ))
  end
from levels where available is distinct from available_sum

union all
select 'reserved is the sum of the movements', name, format('reserved %s, ledger %s', reserved, reserved_sum),
  case
    when not has_level then 'there are movements of it, and no level'
    else coalesce((select problems from problems where problems.sku = levels.sku), format(
      'the counter alone was changed, by %s', to_char(reserved - reserved_sum, 'FMSG9999999999999999990')
    ))
  end
from levels where reserved is distinct from reserved_sum

union all
select 'each movement follows from the one before', case location when 'MAIN' then sku else sku || ' at ' || location end,
  format('movement %s: %s after it %s, summed up %s', id, counter, after, sum_so_far),
  format(
    case
      -- what comes behind, or the counter, does not have the gap
      when gap_before = coalesce(gap_behind, (
        select case counter when 'available' then available else reserved end from stock_levels
        where stock_levels.sku = steps.sku and stock_levels.location = steps.location
      ) - sum_so_far) then 'its %s was altered by %s'
      else 'a movement of %2$s before it is missing, or its delta was altered'
    end,
    counter || '_after', to_char(gap - gap_before, 'FMSG9999999999999999990')
  )
from steps where gap <> 0 and gap <> gap_before

union all
select 'a line has reserved what its movements hold', order_id::text,
  case when has_line then format('%s: reserved %s, movements %s', sku, reserved, reserved_moved)
    else format('%s: movements %s, and no line', sku, reserved_moved) end,
  case
    when not exists (select from orders where orders.id = mismatched.order_id) then 'there is no such order'
    when has_line and not exists (select from levels where levels.sku = mismatched.sku and reserved is distinct from reserved_sum)
      then format(
        'the line was changed by %s, or a movement was said to be of another order',
        to_char(reserved - reserved_moved, 'FMSG9999999999999999990')
      )
    when reserved > reserved_moved then 'a movement was deleted or altered, or the line was changed'
    else 'a movement was written or altered, or the line was changed'
  end
from mismatched where not has_line or reserved <> reserved_moved

union all
select 'a line has shipped what its shipments took', order_id::text, format('%s: shipped %s, movements %s', sku, shipped, shipped_moved),
  'the line was changed, or a movement of a shipment was deleted or altered'
from mismatched where shipped <> shipped_moved

union all
select 'a line has as many back as its returns brought', order_id::text,
  format('%s: returned %s, movements %s', sku, returned, restocked),
  'the line was changed, or a movement of a return was written or altered'
from mismatched where returned < restocked

union all
select 'a line''s parts are what was ordered', order_id::text,
  format('%s: %s ordered, %s reserved, %s shipped, %s cancelled, %s returned', sku, qty, reserved, shipped, cancelled, returned),
  'the CHECK that refuses it is gone'
from order_lines
where reserved < 0 or shipped < 0 or cancelled < 0 or reserved + shipped + cancelled > qty or returned not between 0 and shipped

union all
select 'the status of an order follows from its lines', orders.id::text,
  format('%s, its lines say %s', orders.status, coalesce(implied.status, 'nothing')),
  case
    when parts.order_id is null then 'it has no lines'
    when (select to_status from order_events where order_id = orders.id order by version desc limit 1) <> orders.status
      then 'its status was changed without an event'
  end
from orders left join parts on parts.order_id = orders.id
cross join lateral (
  select case
    when open = 0 then case when shipped > 0 then 'SHIPPED' else ending::text end
    when shipped > 0 then 'PARTIALLY_SHIPPED'
    when reserved = open then 'RESERVED'
    when looked_at then 'AWAITING_RESTOCK'
    when not looked_at then 'PENDING'
  end
) as implied (status)
where parts.order_id is null or orders.status::text is distinct from implied.status

union all
select 'a shipment''s goods left with the version that it made', shipments.id::text, format('order %s, version %s', order_id, order_version),
  case when not exists (select from orders where orders.id = shipments.order_id) then 'there is no such order' end
from shipments
where not exists (
  select from inventory_movements as movements
  where movements.shipment_id = shipments.id and movements.type = 'SHIPMENT'
    and movements.order_id = shipments.order_id and movements.order_version = shipments.order_version
    and movements.location = shipments.location
) or (undone_at is not null) <> exists (
  select from inventory_movements as movements where movements.shipment_id = shipments.id and movements.type = 'SHIPMENT_UNDONE'
)

union all
select 'what a transfer takes from a location comes to another', sku, format('transaction %s: %s too many', xid, sum(delta)),
  'a movement of it was deleted or altered'
from inventory_movements where type in ('TRANSFER_OUT', 'TRANSFER_IN')
group by sku, xid having sum(delta) <> 0

union all
select 'a supplier''s receipt brings what was asked for, once', coalesce(asked.order_id, brought.order_id)::text,
  format('%s: asked for %s, %s; received %s', coalesce(asked.sku, brought.sku), coalesce(asked.qty, 0), coalesce(asked.state::text, 'never'), coalesce(brought.qty, 0)),
  case when asked.order_id is null then 'there is no such request' end
from supplier_requests as asked
full join (
  select order_id, sku, sum(delta) as qty from inventory_movements where type = 'SUPPLIER_RECEIPT' group by order_id, sku
) as brought on brought.order_id = asked.order_id and brought.sku = asked.sku
where coalesce(brought.qty, 0) is distinct from case when asked.state = 'DELIVERED' then asked.qty else 0 end

union all
select 'a supplier is asked for a line of an order', asked.order_id::text,
  format('%s: asked for %s, ordered %s', asked.sku, asked.qty, coalesce(order_lines.qty, 0)),
  case when not exists (select from orders where orders.id = asked.order_id) then 'there is no such order' end
from supplier_requests as asked left join order_lines on order_lines.order_id = asked.order_id and order_lines.sku = asked.sku
where order_lines.qty is null or asked.qty > order_lines.qty

union all
select 'an order that waits for restock asks for each line that waits', orders.id::text, order_lines.sku,
  case
    when asked.order_id is null then 'nobody was asked'
    when asked.ended_at is not null then format('the supplier''s last answer has come: %s', asked.state)
    else format('fewer are asked for than wait: %s', asked.qty)
  end
from orders
join order_lines on order_lines.order_id = orders.id
left join supplier_requests as asked on asked.order_id = orders.id and asked.sku = order_lines.sku
where orders.status = 'AWAITING_RESTOCK' and orders.if_short = 'ASK_SUPPLIER'
  and order_lines.qty > order_lines.reserved + order_lines.shipped + order_lines.cancelled
  and (
    asked.order_id is null or asked.ended_at is not null
    or asked.qty < order_lines.qty - order_lines.reserved - order_lines.shipped - order_lines.cancelled
  )

union all
select 'an open order and an open request have the job that brings them on', needed.order_id,
  case needed.sku when '' then 'PENDING' else format('%s is asked for', needed.sku) end,
  case
    when needed.sku = '' and (
      select to_status from order_events where order_events.order_id = needed.order_id::uuid order by version desc limit 1
    ) <> 'PENDING' then 'its status was changed without an event'
    when exists (select from jobs where jobs.order_id = needed.order_id and needed.sku in ('', jobs.sku))
      then 'its job is lost; there is one of another step'
    else 'its job is lost'
  end
from needed
where not exists (
  select from jobs where jobs.order_id = needed.order_id and jobs.sku = needed.sku and jobs.step = needed.step
)

union all
select 'a line is in its queue as long as it waits', order_lines.order_id::text,
  format('%s: queued for %s, %s wait, %s', order_lines.sku, coalesce(queued_qty::text, 'nothing'), waiting, orders.status),
  case when orders.id is null then 'there is no such order' else 'the line or the order was changed' end
from (select *, qty - reserved - shipped - cancelled as waiting from order_lines) as order_lines
left join orders on orders.id = order_lines.order_id
where case
  when orders.status in ('AWAITING_RESTOCK', 'PARTIALLY_SHIPPED') then queued_qty is distinct from nullif(waiting, 0)
  when queued_qty is not null then orders.status is distinct from 'PENDING' or queued_qty <> 0 or waiting = 0
end

union all
select 'an order that waits for its turn is of a SKU that is served', orders.id::text, string_agg(order_lines.sku, ', ' order by order_lines.sku),
  'the mark of the queue is lost'
from orders join order_lines on order_lines.order_id = orders.id
where orders.status = 'PENDING' and order_lines.queued_qty is not null
  and not exists (select from serving where serving.sku = order_lines.sku)
group by orders.id

union all
select 'a queue that is served has the job that serves it', serving.sku, 'marked',
  'its job is lost'
from serving
where not exists (select from served where served.sku = serving.sku)

union all
select 'nobody waits who would fit', orders.id::text, string_agg(format('%s: %s', fitting.sku, fitting.queued_qty), ', ' order by fitting.sku),
  'its queue was not served after stock came, or the stock was changed without a movement'
from orders join fitting on fitting.order_id = orders.id
where orders.status in ('AWAITING_RESTOCK', 'PARTIALLY_SHIPPED')
group by orders.id
having orders.if_short = 'ASK_SUPPLIER'
  or count(*) = (select count(*) from order_lines where order_lines.order_id = orders.id and order_lines.queued_qty is not null)

union all
select 'an item is low or out of stock as its levels say', items.sku,
  format('low %s, out %s, %s can be promised', is_low, coalesce(is_out::text, 'not judged'), coalesce(most.qty, 0)),
  'its state or its rules were changed, or the stock was, without a movement'
from items left join most on most.sku = items.sku
where not exists (select from serving where serving.sku = items.sku) and (
  is_low <> coalesce(low_stock_at >= coalesce(most.qty, 0), false)
  or is_out <> (coalesce(most.qty, 0) = 0)
  -- nothing ever came of an item that was never judged
  or is_out is null and exists (select from inventory_movements as movements where movements.sku = items.sku)
)

union all
select 'a hold is released within 5 s of its expiry', orders.id::text, format('%s, expired at %s', orders.status, expires_at),
  'no worker that lives releases it'
from orders
where expires_at < now() - interval '5 s' and status < 'FAILED'
  -- one that was there all the time, and still is
  and exists (select from workers where started_at < now() - interval '10 s' and seen_at > now() - interval '8 s')

union all
select 'an idempotency key has its order', caller || ' ' || key, order_id::text,
  case when exists (select from order_events where order_events.order_id = idempotency_keys.order_id) then 'its order was deleted' end
from idempotency_keys
where order_id is not null and not exists (select from orders where orders.id = idempotency_keys.order_id)

union all
select 'an idempotency key has its shipments', caller || ' ' || key, shipment_id::text,
  case when exists (select from inventory_movements as movements where movements.shipment_id = named.shipment_id)
    then 'its shipment was deleted, or is another order''s' end
from idempotency_keys cross join lateral unnest(shipment_ids) as named (shipment_id)
where not exists (
  select from shipments where shipments.id = named.shipment_id and shipments.order_id = idempotency_keys.order_id
)

union all
select 'an idempotency key has its movements', caller || ' ' || key, made_id::text,
  case when exists (select from inventory_movements as movements where movements.order_id is null and movements.id > made_id)
    then 'its movement was deleted' end
from idempotency_keys
cross join lateral jsonb_path_query(made, '$.outcomes[*].movement ? (@ != null)') as outcome (movement)
cross join lateral (values ((outcome.movement #>> '{}')::bigint)) as named (made_id)
where not exists (select from inventory_movements as movements where movements.id = made_id)

union all
select 'an import keeps each row that it refused', imports.id::text, format('%s refused, %s kept', refused, kept.count), null
from imports
cross join lateral (select count(*) from import_refusals where import_id = imports.id) as kept
where kept.count <> refused

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
select 'an order''s SKU exists', order_id::text, sku,
  case
    when exists (select from inventory_movements where inventory_movements.sku = order_lines.sku) then 'the item was deleted'
    when exists (select from inventory_movements where inventory_movements.order_id = order_lines.order_id)
      then 'the order was changed: its movements are of another SKU'
  end
from order_lines where not exists (select from items where items.sku = order_lines.sku)

union all
select 'a level is of an item, at a location', stock_levels.sku || ' at ' || location,
  case when items.sku is null then 'no such item' else 'no such location' end, 'it was deleted'
from stock_levels left join items on items.sku = stock_levels.sku left join locations on code = location
where items.sku is null or code is null

union all
select 'a webhook has an event once', webhook_id || ' ' || event_id, format('%s deliveries', count(*)),
  'its cursor was set back, or a delivery was copied'
from webhook_deliveries group by webhook_id, event_id having count(*) > 1

union all
select 'a webhook stands within the outbox', webhooks.id::text, format('at %s of %s', cursor, ledger_end.number),
  'the ledger''s sequence was set back: what gets these numbers again is not told'
from webhooks
cross join (select case when is_called then last_value else 0 end as number from inventory_movements_id_seq) as ledger_end
where cursor > ledger_end.number

union all
select 'an order event is numbered while a webhook subscribes to orders', webhooks.id::text, array_to_string(events, ', '),
  'its events were changed by hand: order events have no number for it'
from webhooks
where has_order_events <> exists (
  select from unnest(events) as event (name) where name = '*' or name like 'order.%'
)

order by invariant, subject;
