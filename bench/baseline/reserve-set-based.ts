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
        orders.id, orders.sku, orders.qty,
        available - sum(orders.qty) over (partition by orders.sku order by orders.id) as available_after
      from orders join inventory_items using (sku)
      where status = 'PENDING'
    ), stock as (
      update inventory_items set available = available - taken.qty, reserved = reserved + taken.qty
      from (select sku, sum(qty) as qty from pending group by sku) as taken
      where inventory_items.sku = taken.sku
    ), moved as (
      update orders set status = 'RESERVED', version = version + 1, updated_at = now()
      from pending where orders.id = pending.id
      returning orders.id, orders.version
    ), recorded as (
      insert into order_events (order_id, version, type, from_status, to_status, at)
      select id, version, 'OrderReserved', 'PENDING', 'RESERVED', now() from moved
    )
    insert into inventory_movements (sku, type, delta, available_after, order_id, created_at)
    select sku, 'RESERVATION', -qty, available_after, id, now() from pending order by id`)
  return rowCount ?? 0
}
