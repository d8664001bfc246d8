import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { inject } from 'vitest'
import { type App, createApp } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { IfShort, Order } from '../../src/domain/orders/order.ts'
import type { Location } from '../../src/domain/stock/location.ts'
import type { InventoryItem } from '../../src/domain/stock/stock.ts'
import type { SupplierPolicy } from '../../src/domain/supplier/supplier-policy.ts'
import { createHttpServer, type HttpServerOptions } from '../../src/http/http-server.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { logSupplierCalls, observeSupplier } from '../../src/observability/observe-supplier.ts'
import type { Tracing } from '../../src/observability/traces/trace-hooks.ts'
import type { OrderLimiter } from '../../src/rate-limit/order-limiter.ts'
import { INVARIANTS } from '../../src/sql/upkeep/find-breaches.ts'
import { createSupplierClient } from '../../src/supplier/client.ts'
import { Worker, type WorkerOptions } from '../../src/tasks/worker.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { type SaveLocationRequest, saveLocation } from '../../src/use-cases/stock/save-location.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { createInventoryItem } from '../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { createWebhookClient } from '../../src/webhooks/webhook-client.ts'
import { assertInvariants } from './assert-invariants.ts'
import { administer, withDatabase } from './database-server.ts'

/** Where msw plays the supplier. */
export const SUPPLIER_URL = 'http://supplier.test'

/** As patient as the default, but in milliseconds. */
const TEST_POLICY: SupplierPolicy = {
  recheckDelayMs: 20,
  recheckLimit: 2,
  recheckFactor: 1,
  attemptsMax: 3,
  retryBaseMs: 10,
}

/** Receivers of tests are on this machine. */
const TEST_WEBHOOKS = { secretKeys: [Buffer.alloc(32, 7)], mayBePrivate: true }

export type TestDatabase = {
  databaseUrl: string
  /** Lets invariants be broken in the end: those that are named, or without names all. Says why the test breaks them. */
  allowBreaches: (reason: string, ...invariants: string[]) => void
  /** Checks every invariant, and drops the database. @throws where one is broken that may not be */
  drop: () => Promise<void>
}

export type TestApp = {
  app: App
  databaseUrl: string
  allowBreaches: TestDatabase['allowBreaches']
  /** Closes the application. The one that made the database then checks every invariant. */
  close: () => Promise<void>
}

/** Creates a database cloned from the template. Whoever drops it has its invariants checked. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const templateUrl = inject('templateUrl')
  const name = `holdfast_${randomBytes(6).toString('hex')}`
  await administer(templateUrl, `create database ${name} template ${new URL(templateUrl).pathname.slice(1)}`)
  const databaseUrl = withDatabase(templateUrl, name)
  const allowed = new Set<string>()
  return {
    databaseUrl,
    allowBreaches: (reason, ...invariants) => {
      const unknown = invariants.filter((invariant) => !INVARIANTS.includes(invariant))
      if (unknown.length > 0)
        throw new Error(`No invariants, broken because ${reason}: ${unknown.join(', ')}`)
      for (const invariant of invariants.length > 0 ? invariants : INVARIANTS) allowed.add(invariant)
    },
    drop: async () => {
      try {
        if (allowed.size < INVARIANTS.length) await assertInvariants(databaseUrl, allowed)
      } finally {
        await administer(templateUrl, `drop database if exists ${name} with (force)`)
      }
    },
  }
}

/** An application on a database of its own. */
export async function createTestApp(
  supplierPolicy: SupplierPolicy = TEST_POLICY,
  orderLimiter?: OrderLimiter,
  logger = createLogger('silent'),
  tracing?: Tracing,
): Promise<TestApp> {
  const { databaseUrl, allowBreaches, drop } = await createTestDatabase()
  const { app, close } = await createApp({
    databaseUrl,
    logger,
    supplierPolicy,
    webhooks: TEST_WEBHOOKS,
    orderLimiter,
    tracing,
  })
  return {
    app,
    databaseUrl,
    allowBreaches,
    close: async () => {
      await close()
      await drop()
    },
  }
}

/** Another application on the same database, as another process would have. Its reservations overlap, as with `ROLE=worker`. */
export async function joinTestApp(
  { databaseUrl, allowBreaches }: TestApp,
  tracing?: Tracing,
): Promise<TestApp> {
  const { app, close } = await createApp({
    databaseUrl,
    logger: createLogger('silent'),
    supplierPolicy: TEST_POLICY,
    webhooks: TEST_WEBHOOKS,
    takesCalls: false,
    tracing,
  })
  return { app, databaseUrl, allowBreaches, close }
}

/** A worker for the application, whose supplier is at `baseUrl`. */
export async function startTestWorker(
  { app, databaseUrl }: TestApp,
  {
    baseUrl = SUPPLIER_URL,
    concurrency = 50,
    reconcileIntervalMs = 3_600_000,
    ...options
  }: Partial<WorkerOptions> & { baseUrl?: string } = {},
): Promise<Worker> {
  const client = createSupplierClient({ baseUrl, timeoutMs: 500 })
  const logged = observeSupplier(client, logSupplierCalls(app.logger))
  const supplier = app.tracing?.supplier(logged) ?? logged
  const webhookClient = createWebhookClient({ mayBePrivate: true })
  const worker = new Worker(app, {
    databaseUrl,
    supplier,
    webhookClient,
    concurrency,
    reconcileIntervalMs,
    ...options,
  })
  await worker.start()
  return worker
}

/** The HTTP server of the application, listening on a free port. */
export async function listen(
  { app }: TestApp,
  options: Partial<HttpServerOptions> = {},
): Promise<{ http: FastifyInstance; url: string }> {
  const http = await createHttpServer(app, {
    servesApis: true,
    simulatesSupplier: true,
    readinessChecks: {},
    corsOrigins: [],
    explorer: true,
    ...options,
  })
  const url = await http.listen({ host: '127.0.0.1', port: 0 })
  return { http, url }
}

/** Puts things into the database by the use-cases. */
export function seed(app: App) {
  return {
    async item({ sku = 'GIZMO', available = 0, location = 'MAIN' } = {}): Promise<InventoryItem> {
      const { inventoryItem, userErrors } = await createInventoryItem(app, LOCAL_OPERATOR, {
        sku,
        name: sku,
        available,
        location,
      })
      if (!inventoryItem) throw new Error(`cannot seed: ${userErrors[0].code}`)
      return inventoryItem
    },
    /** What is available of an item at another location, or more of it. */
    async stock({ sku = 'GIZMO', location = 'MAIN', qty = 1 } = {}): Promise<void> {
      const { userErrors } = await adjustInventory(app, LOCAL_OPERATOR, {
        sku,
        location,
        delta: qty,
        reason: 'seed',
        expectedAvailable: null,
      })
      if (userErrors[0]) throw new Error(`cannot seed: ${userErrors[0].code}`)
    },
    async location(code: string, request: Omit<SaveLocationRequest, 'code'> = {}): Promise<Location> {
      const { location, userErrors } = await saveLocation(app, LOCAL_OPERATOR, { code, ...request })
      if (!location) throw new Error(`cannot seed: ${userErrors[0].code}`)
      return location
    },
    /** Of one line, or of `lines`, each `[SKU, quantity]`. */
    async order({
      sku = 'GIZMO',
      qty = 1,
      lines = [[sku, qty]] as [sku: string, qty: number][],
      locations = null as string[] | null,
      customerId = null as string | null,
      ifShort = null as IfShort | null,
      holdSeconds = null as number | null,
    } = {}): Promise<Order> {
      const { order, userErrors } = await createOrder(app, LOCAL_OPERATOR, {
        lines: lines.map(([sku, qty]) => ({ sku, qty })),
        locations,
        ifShort,
        holdSeconds,
        idempotencyKey: null,
        customerId,
      })
      if (!order) throw new Error(`cannot seed: ${userErrors[0].code}`)
      return order
    },
  }
}

/** Waits until `check` gives something other than null, undefined or false. */
export async function eventually<Result>(
  check: () => Promise<Result> | Result,
  timeoutMs = 50_000,
): Promise<Result> {
  for (const deadline = performance.now() + timeoutMs; ; ) {
    const result = await check()
    if (result !== null && result !== undefined && result !== false) return result
    if (performance.now() > deadline) throw new Error(`still ${result} after ${timeoutMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Whether somebody listens on a port of this machine. */
export function isOpen(port: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}
