/**
 * The usual way to build it: Yoga with its defaults on Node's own HTTP server, and one transaction a request that writes
 * the order, its event and its job. It checks, answers and logs what Holdfast does.
 *
 * The statements are prepared, which favours it: unprepared ones, as most examples have them, are slower.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createSchema, createYoga } from 'graphql-yoga'
import pg from 'pg'
import { pino } from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { insertEvent, insertJob, insertOrder, type Order } from './order-statements.ts'

/** As many connections as one process of Holdfast has. */
const POOL_SIZE = 12

const logger = pino({ level: process.env.LOG_LEVEL ?? 'info' })
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: POOL_SIZE, keepAlive: true })

type UserError = { code: string; message: string; field: string[] }
type CreateOrderPayload = { order: Order | null; userErrors: UserError[] }

async function createOrder({ sku, qty }: { sku: string; qty: number }): Promise<CreateOrderPayload> {
  if (qty < 1 || qty > 1_000_000) return refuse('INVALID_QTY', 'qty must be 1 to 1000000', 'qty')
  const client = await pool.connect()
  let order: Order | undefined
  try {
    await client.query('begin')
    const id = uuidv7()
    const createdAt = new Date()
    ;[order] = await insertOrder(client, id, sku, qty, createdAt)
    if (order) {
      await insertEvent(client, id, createdAt)
      await insertJob(client, id)
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
  if (!order) return refuse('UNKNOWN_SKU', `There is no item with the SKU ${JSON.stringify(sku)}`, 'sku')
  logger.info(
    { orderId: order.id, sku, qty, from: null, to: order.status, reason: null, version: order.version },
    'OrderCreated',
  )
  return { order, userErrors: [] }
}

function refuse(code: string, message: string, field: string): CreateOrderPayload {
  return { order: null, userErrors: [{ code, message, field: ['input', field] }] }
}

const schema = createSchema({
  typeDefs: `
    type Query { isReady: Boolean! }
    type Mutation { createOrder(input: CreateOrderInput!): CreateOrderPayload! }
    input CreateOrderInput { sku: String!, qty: Int! }
    type CreateOrderPayload { order: Order, userErrors: [UserError!]! }
    type Order { id: ID!, sku: String!, qty: Int!, status: OrderStatus!, version: Int!, createdAt: String!, updatedAt: String! }
    enum OrderStatus { PENDING RESERVED AWAITING_RESTOCK FAILED }
    type UserError { code: String!, message: String!, field: [String!] }
  `,
  resolvers: {
    Query: { isReady: () => true },
    Order: {
      createdAt: (order: Order) => order.createdAt.toISOString(),
      updatedAt: (order: Order) => order.updatedAt.toISOString(),
    },
    Mutation: { createOrder: (_root, { input }) => createOrder(input) },
  },
})

const server = createServer(createYoga({ schema }))
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening at http://127.0.0.1:${(server.address() as AddressInfo).port}\n`)
})
process.on('SIGTERM', async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  await pool.end()
})
