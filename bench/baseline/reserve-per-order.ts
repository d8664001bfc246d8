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
  const order = await one<{ sku: string; qty: number; status: string; version: number }>(tx, {
    name: 'lock-order',
    text: `select sku, qty, status, version from orders join order_lines on order_id = id where id = $1
      for update of orders, order_lines`,
    values: [orderId],
  })
  if (order?.status !== 'PENDING') return null
  const stock = await one<{ available: string; reserved: string }>(tx, {
    name: 'lock-stock',
    text: `select available, reserved from stock_levels where sku = $1 and location = 'MAIN' for update`,
    values: [order.sku],
  })
  const availableAfter = BigInt(stock!.available) - BigInt(order.qty)
  const reservedAfter = BigInt(stock!.reserved) + BigInt(order.qty)
  if (availableAfter < 0n) throw new Error('The benchmark has ample stock')
  await tx.query({
    name: 'take-stock',
    text: `update stock_levels set available = available - $2, reserved = reserved + $2
      where sku = $1 and location = 'MAIN'`,
    values: [order.sku, order.qty],
  })
  await tx.query({
    name: 'insert-movement',
    text: `insert into inventory_movements (
        sku, location, type, delta, reserved_delta, available_after, reserved_after, order_id, order_version, created_at
      ) values ($1, 'MAIN', 'RESERVATION', -$2::int, $2, $3, $4, $5, $6, now())`,
    values: [order.sku, order.qty, availableAfter, reservedAfter, orderId, order.version + 1],
  })
  await tx.query({
    name: 'reserve-line',
    text: 'update order_lines set reserved = qty where order_id = $1 and sku = $2',
    values: [orderId, order.sku],
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
    values: [orderId, order.version + 1],
  })
  const { sku, qty, version } = order
  return { orderId, sku, qty, from: 'PENDING', to: 'RESERVED', reason: null, version: version + 1 }
}

async function one<Row extends pg.QueryResultRow>(
  tx: pg.PoolClient,
  query: pg.QueryConfig,
): Promise<Row | undefined> {
  return (await tx.query<Row>(query)).rows[0]
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
