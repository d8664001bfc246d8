import type pg from 'pg'

/**
 * The ceiling: reserves every pending order by one statement, which writes the same rows as Holdfast does and nothing
 * crosses the wire. It allocates nothing, checks nothing, tells nobody, and completes no job.
 *
 * @returns how many orders were reserved
 */
export async function reserveSetBased(client: pg.ClientBase): Promise<number> {
  const { rowCount } = await client.query(`
    with pending as (
      select
        orders.id, line.sku, line.qty, version + 1 as version,
        stock_levels.available - sum(line.qty) over level as available_after, stock_levels.reserved + sum(line.qty) over level as reserved_after
      from orders
      join order_lines as line on line.order_id = orders.id
      join stock_levels on stock_levels.sku = line.sku and location = 'MAIN'
      where status = 'PENDING'
      window level as (partition by line.sku order by orders.id)
    ), stock as (
      update stock_levels set available = available - taken.qty, reserved = reserved + taken.qty
      from (select sku, sum(qty) as qty from pending group by sku) as taken
      where stock_levels.sku = taken.sku and location = 'MAIN'
    ), lines as (
      update order_lines set reserved = pending.qty from pending
      where order_lines.order_id = pending.id and order_lines.sku = pending.sku
    ), moved as (
      update orders set status = 'RESERVED', version = pending.version, updated_at = now()
      from pending where orders.id = pending.id
      returning orders.id, orders.version
    ), recorded as (
      insert into order_events (order_id, version, type, from_status, to_status, at)
      select id, version, 'OrderReserved', 'PENDING', 'RESERVED', now() from moved
    )
    insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
    )
    select sku, 'MAIN', 'RESERVATION', -qty, qty, available_after, reserved_after, id, version, now() from pending order by id`)
  return rowCount ?? 0
}
