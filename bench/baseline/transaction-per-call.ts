/**
 * The usual way, one transaction a call: creates, cancels and ships orders as Holdfast's use-cases do, with the same rows.
 * The statements are prepared and write all lines of an order at once, which favours it.
 */
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'

/** As many connections as one process of Holdfast has. */
const POOL_SIZE = 12

export function openPool(databaseUrl: string): pg.Pool {
  return new pg.Pool({ connectionString: databaseUrl, max: POOL_SIZE, keepAlive: true })
}

export async function createOrder(pool: pg.Pool, skus: readonly string[]): Promise<void> {
  await inTransaction(pool, async (run) => {
    const id = uuidv7()
    const known = await run('find-items', 'select sku from items where sku = any($1)', [skus])
    if (known.length < skus.length) throw new Error('The benchmark has every item')
    await run(
      'insert-order',
      `insert into orders (id, status, version, created_at, updated_at) values ($1, 'PENDING', 1, now(), now())`,
      [id],
    )
    await run(
      'insert-lines',
      `insert into order_lines (order_id, sku, position, qty)
      select $1, sku, position - 1, 1 from unnest($2::text[]) with ordinality as line (sku, position)`,
      [id, skus],
    )
    await run(
      'insert-event',
      `insert into order_events (order_id, version, type, to_status, at, actor)
      values ($1, 1, 'OrderCreated', 'PENDING', now(), 'bench')`,
      [id],
    )
    await run(
      'add-job',
      `select graphile_worker.add_job(
        'reserve-inventory', json_build_object('orders', json_build_array(json_build_object('orderId', $1::uuid))),
        max_attempts := 8
      )`,
      [id],
    )
  })
}

export async function cancelOrder(pool: pg.Pool, id: string): Promise<void> {
  await inTransaction(pool, async (run) => {
    const { version, held } = await lock(run, id)
    await move(run, { id, version, held, type: 'RELEASE', isFreed: true })
    await run(
      'cancel-lines',
      'update order_lines set cancelled = qty - shipped, reserved = 0 where order_id = $1',
      [id],
    )
    await run(
      'cancel-order',
      `update orders set status = 'CANCELLED', ending = 'CANCELLED', version = $2, updated_at = now() where id = $1`,
      [id, version],
    )
    await run(
      'insert-cancellation',
      `insert into order_events (order_id, version, type, from_status, to_status, at, actor)
      values ($1, $2, 'OrderCancelled', 'RESERVED', 'CANCELLED', now(), 'bench')`,
      [id, version],
    )
  })
}

export async function shipOrder(pool: pg.Pool, id: string): Promise<void> {
  await inTransaction(pool, async (run) => {
    const { version, held } = await lock(run, id)
    const shipments = [...new Set(held.map(({ location }) => location))].map((location) => ({
      id: uuidv7(),
      location,
    }))
    await run(
      'insert-shipments',
      `insert into shipments (id, order_id, order_version, location, created_at)
      select id, $1, $2, location, now() from unnest($3::uuid[], $4::text[]) as shipment (id, location)`,
      [id, version, shipments.map((shipment) => shipment.id), shipments.map(({ location }) => location)],
    )
    const shipped = held.map((level) => ({
      ...level,
      shipmentId: shipments.find(({ location }) => location === level.location)!.id,
    }))
    await move(run, { id, version, held: shipped, type: 'SHIPMENT', isFreed: false })
    await run(
      'ship-lines',
      'update order_lines set shipped = shipped + reserved, reserved = 0 where order_id = $1',
      [id],
    )
    await run(
      'ship-order',
      `update orders set status = 'SHIPPED', version = $2, updated_at = now() where id = $1`,
      [id, version],
    )
    const lines = held.map(({ sku, location, qty }) => ({ sku, location, qty }))
    await run(
      'insert-shipping',
      `insert into order_events (order_id, version, type, from_status, to_status, at, actor, lines)
      values ($1, $2, 'OrderShipped', 'RESERVED', 'SHIPPED', now(), 'bench', $3)`,
      [id, version, JSON.stringify(lines)],
    )
  })
}

/** Runs a prepared statement, and returns its rows. */
type Run = <Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]) => Promise<Row[]>

async function inTransaction(pool: pg.Pool, work: (run: Run) => Promise<void>): Promise<void> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    await work(async <Row extends pg.QueryResultRow>(name: string, text: string, values: unknown[]) => {
      return (await client.query<Row>({ name, text, values })).rows
    })
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}

/** What an order holds at a level, and the level as it is; of a shipment where it leaves with one. */
type Held = {
  sku: string
  location: string
  qty: number
  available: string
  reserved: string
  shipmentId?: string
}

/** Locks an order that is reserved, and the levels that it holds. `version`: the next. */
async function lock(run: Run, id: string): Promise<{ version: number; held: Held[] }> {
  const [order] = await run<{ status: string; version: number }>(
    'lock-order',
    'select status, version from orders join order_lines on order_id = id where id = $1 for update',
    [id],
  )
  if (order?.status !== 'RESERVED')
    throw new Error(`The benchmark's orders are RESERVED, not ${order?.status}`)
  const held = await run<Held>(
    'lock-held',
    `select sku, location, held.qty, available, reserved
    from (
      select sku, location, sum(reserved_delta)::int as qty from inventory_movements where order_id = $1 group by sku, location
    ) as held
    join stock_levels using (sku, location)
    order by sku, location for update of stock_levels`,
    [id],
  )
  return { version: order.version + 1, held }
}

type Move = { id: string; version: number; held: readonly Held[]; type: string; isFreed: boolean }

/** Takes what an order holds off its levels, back into stock or out of the house, and writes it to the ledger. */
async function move(run: Run, { id, version, held, type, isFreed }: Move): Promise<void> {
  const skus = held.map(({ sku }) => sku)
  const locations = held.map(({ location }) => location)
  const qtys = held.map(({ qty }) => qty)
  const freed = held.map(({ qty }) => (isFreed ? qty : 0))
  await run(
    'move-levels',
    `update stock_levels set available = available + freed, reserved = reserved - qty
    from unnest($1::text[], $2::text[], $3::int[], $4::int[]) as moved (sku, location, qty, freed)
    where stock_levels.sku = moved.sku and stock_levels.location = moved.location`,
    [skus, locations, qtys, freed],
  )
  await run(
    'insert-movements',
    `insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, shipment_id, created_at
    )
    select sku, location, $8::movement_type, freed, -qty, available + freed, reserved - qty, $9, $10, shipment_id, now()
    from unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[], $7::uuid[])
      as moved (sku, location, qty, freed, available, reserved, shipment_id)`,
    [
      skus,
      locations,
      qtys,
      freed,
      held.map(({ available }) => available),
      held.map(({ reserved }) => reserved),
      held.map(({ shipmentId }) => shipmentId ?? null),
      type,
      id,
      version,
    ],
  )
}
