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
    text: 'select sku, qty, status, version from orders where id = $1 for update',
    values: [orderId],
  })
  if (order?.status !== 'PENDING') return null
  const stock = await one<{ available: string }>(tx, {
    name: 'lock-stock',
    text: 'select available from inventory_items where sku = $1 for update',
    values: [order.sku],
  })
  const availableAfter = BigInt(stock!.available) - BigInt(order.qty)
  if (availableAfter < 0n) throw new Error('The benchmark has ample stock')
  await tx.query({
    name: 'take-stock',
    text: 'update inventory_items set available = available - $2, reserved = reserved + $2 where sku = $1',
    values: [order.sku, order.qty],
  })
  await tx.query({
    name: 'insert-movement',
    text: `insert into inventory_movements (sku, type, delta, available_after, order_id, created_at)
      values ($1, 'RESERVATION', $2, $3, $4, now())`,
    values: [order.sku, -order.qty, availableAfter, orderId],
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
