/**
 * The documented way, one order at a time: a job an order, and a worker whose task reserves it in one transaction. It writes
 * and logs what Holdfast does. The statements are prepared, which favours it.
 */
import { run } from 'graphile-worker'
import pg from 'pg'
import { pino } from 'pino'

const CONCURRENCY = 10

const logger = pino({ level: process.env.LOG_LEVEL ?? 'info' })
const connectionString = process.env.DATABASE_URL
// a connection for each job that is under way; graphile-worker has its own besides
const pool = new pg.Pool({ connectionString, max: CONCURRENCY })

/** @returns what happened, null where nothing was to be done */
async function reserve(tx: pg.PoolClient, orderId: string): Promise<object | null> {
  const lines = await all<Line>(tx, {
    name: 'lock-order',
    text: `select sku, qty, status, version from orders join order_lines on order_id = id where id = $1
      order by position for update of orders, order_lines`,
    values: [orderId],
  })
  if (lines[0]?.status !== 'PENDING') return null
  const version = lines[0].version + 1
  const levels = await all<Level>(tx, {
    name: 'lock-stock',
    text: `select sku, location, available, reserved, priority from stock_levels join locations on code = location
      where sku = any($1) and is_active order by sku, location for update of stock_levels`,
    values: [lines.map(({ sku }) => sku)],
  })
  const taken = lines.map((line) => take(line, levels))
  const skus = taken.map(({ sku }) => sku)
  const locations = taken.map(({ location }) => location)
  const qtys = taken.map(({ qty }) => qty)
  await tx.query({
    name: 'take-stock',
    text: `update stock_levels set available = available - qty, reserved = reserved + qty
      from unnest($1::text[], $2::text[], $3::int[]) as taken (sku, location, qty)
      where stock_levels.sku = taken.sku and stock_levels.location = taken.location`,
    values: [skus, locations, qtys],
  })
  await tx.query({
    name: 'insert-movements',
    text: `insert into inventory_movements (
        sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
      ) select sku, location, 'RESERVATION', -qty, qty, available_after, reserved_after, $6, $7, now()
      from unnest($1::text[], $2::text[], $3::int[], $4::bigint[], $5::bigint[])
        as taken (sku, location, qty, available_after, reserved_after)`,
    values: [
      skus,
      locations,
      qtys,
      taken.map(({ availableAfter }) => availableAfter),
      taken.map(({ reservedAfter }) => reservedAfter),
      orderId,
      version,
    ],
  })
  await tx.query({
    name: 'reserve-lines',
    text: 'update order_lines set reserved = qty where order_id = $1',
    values: [orderId],
  })
  await tx.query({
    name: 'move-order',
    text: `update orders set status = 'RESERVED', version = version + 1, updated_at = now() where id = $1`,
    values: [orderId],
  })
  await tx.query({
    name: 'insert-event',
    text: `insert into order_events (order_id, version, type, from_status, to_status, at)
      values ($1, $2, 'OrderReserved', 'PENDING', 'RESERVED', now())`,
    values: [orderId, version],
  })
  const { sku, qty } = lines[0]
  return { orderId, sku, qty, from: 'PENDING', to: 'RESERVED', reason: null, version }
}

type Line = { sku: string; qty: number; status: string; version: number }
type Level = { sku: string; location: string; available: string; reserved: string; priority: number }

/** Takes a line from the first location by priority that has all of it. */
function take({ sku, qty }: Line, levels: readonly Level[]) {
  let first: Level | undefined
  for (const level of levels) {
    const isFirst = !first || level.priority < first.priority
    if (level.sku === sku && BigInt(level.available) >= BigInt(qty) && isFirst) first = level
  }
  if (!first) throw new Error('The benchmark has ample stock')
  return {
    sku,
    location: first.location,
    qty,
    availableAfter: BigInt(first.available) - BigInt(qty),
    reservedAfter: BigInt(first.reserved) + BigInt(qty),
  }
}

async function all<Row extends pg.QueryResultRow>(tx: pg.PoolClient, query: pg.QueryConfig): Promise<Row[]> {
  return (await tx.query<Row>(query)).rows
}

async function reserveInventory(orderId: string): Promise<void> {
  const tx = await pool.connect()
  let event: object | null
  try {
    await tx.query('begin')
    event = await reserve(tx, orderId)
    await tx.query('commit')
  } catch (error) {
    await tx.query('rollback')
    throw error
  } finally {
    tx.release()
  }
  if (event) logger.info(event, 'OrderReserved')
}

const runner = await run({
  connectionString,
  concurrency: CONCURRENCY,
  noHandleSignals: true,
  taskList: {
    'reserve-inventory': async (payload) => {
      const { orders } = payload as { orders: { orderId: string }[] }
      for (const { orderId } of orders) await reserveInventory(orderId)
    },
  },
})
process.once('SIGTERM', async () => {
  await runner.stop()
  await pool.end()
  process.exit(0)
})
process.stdout.write('ready\n')
