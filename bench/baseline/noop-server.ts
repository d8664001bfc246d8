/**
 * The ceiling: Holdfast's own HTTP server, schema and use-case, where the mutation answers at once with an order that is
 * always the same. Between it and Holdfast is what taking an order costs: the database, and the line of the log that
 * tells of each order, which this does not write, as nothing happens. With LOG_ORDERS=1 it does.
 */
import type { AddressInfo } from 'node:net'
import type { App } from '../../src/create-app.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { createHttpServer } from '../../src/http/http-server.ts'
import { CallsUnderWay } from '../../src/http/overload/calls-under-way.ts'
import { logEvents } from '../../src/observability/logs/log-events.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'

const createdAt = new Date()
const order: Order = {
  id: '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a',
  customerId: null,
  reference: null,
  locations: null,
  ifShort: 'ASK_SUPPLIER',
  expiresAt: null,
  lines: [{ sku: 'WIDGET', qty: 1, reserved: 0, shipped: 0, cancelled: 0, returned: 0 }],
  status: 'PENDING',
  failureReason: null,
  lookedAt: false,
  ending: null,
  version: 1,
  createdAt,
  updatedAt: createdAt,
}
const creation = {
  type: 'OrderCreated',
  from: null,
  to: 'PENDING',
  reason: null,
  lines: null,
  version: 1,
  at: createdAt,
  order,
  actor: 'anonymous',
  note: null,
  origin: { caller: 'anonymous', requestId: order.id },
} as const

const logger = createLogger(process.env.LOG_LEVEL ?? 'info')
const log = process.env.LOG_ORDERS ? logEvents(logger) : () => {}
const submit = async () => {
  log([creation])
  return { outcome: 'created', order }
}

// what taking an order uses of it, and closing the server
const app = {
  logger,
  groups: { createOrder: { submit } },
  feed: { failViews: () => {} },
  // readiness alone would connect, and nobody asks for it
  databaseUrl: 'postgres://localhost/unused',
  calls: new CallsUnderWay(() => {}),
} as unknown as App

const http = await createHttpServer(app, {
  servesApis: true,
  simulatesSupplier: true,
  readinessChecks: {},
  corsOrigins: [],
  explorer: false,
})
await http.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening at http://127.0.0.1:${(http.server.address() as AddressInfo).port}\n`)
process.on('SIGTERM', () => http.close())
