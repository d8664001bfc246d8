import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { cursorOf } from '../../src/feed/stock-cursor.ts'
import { createGraphQLServer } from '../../src/http/graphql/graphql-server.ts'
import { LEDGER_START } from '../../src/sql/stock/ledger/read-changes.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { expireHolds, findNextExpiry } from '../../src/use-cases/orders/expire-holds.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { splitReservation } from '../../src/use-cases/orders/reserve-inventory.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../src/use-cases/orders/verbs/extend-hold.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../src/use-cases/orders/verbs/undo-shipment.ts'
import { listLevels } from '../../src/use-cases/stock/list-levels.ts'
import { listLocations } from '../../src/use-cases/stock/list-locations.ts'
import { listMovements } from '../../src/use-cases/stock/list-movements.ts'
import { listWaitingOrders, sumWaiting } from '../../src/use-cases/stock/list-waiting-orders.ts'
import { saveLocation } from '../../src/use-cases/stock/save-location.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { exportCountSheet, exportLedger } from '../../src/use-cases/stock/sheets/export-stock.ts'
import { importInventory } from '../../src/use-cases/stock/sheets/import-inventory.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { countInventory } from '../../src/use-cases/stock/verbs/count-inventory.ts'
import { createInventoryItem } from '../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { findSupplierCall } from '../../src/use-cases/supplier/find-supplier-call.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { rescueJobs } from '../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { QUERIES } from './queries.ts'

const SCARCE = 'SCARCE'
const ONE = { qty: 1, idempotencyKey: null, customerId: null }

/** Does once everything that Holdfast does for callers and for jobs, so that each of its statements runs. */
export async function exercise(app: App, { orderId, sku }: { orderId: string; sku: string }): Promise<void> {
  await reserve(app, sku)
  await goToTheSupplier(app)
  await shipAndCancel(app, sku)
  await holdAndExpire(app, sku)
  await exerciseQueue(app, SCARCE)
  const watch = await app.feed.watch(LOCAL_OPERATOR, orderId, 0)
  await watch.next()
  await watch.return?.()
  await adjustInventory(app, LOCAL_OPERATOR, { sku, delta: 1, reason: 'counted', expectedAvailable: null })
  await followStock(app, sku)
  await listMovements(app, LOCAL_OPERATOR, { sku, limit: 20 })
  await listLevels(app, LOCAL_OPERATOR, [sku])
  await count(app, sku)
  await importAndExport(app, sku)
  await rescueJobs(app, { alsoUnknown: false })
  await sweep(app)
  await query(app, { orderId, sku })
}

/** Follows the stock from the first change on, and from now on, and has a SKU cross thresholds. */
async function followStock(app: App, sku: string): Promise<void> {
  const all = { skus: null, locations: null, after: cursorOf(LEDGER_START) }
  const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, all)
  await watcher.next()
  await watcher.return()
  const some = { skus: [sku], locations: ['MAIN'], after: null }
  await (await app.stockFeed.watch(LOCAL_OPERATOR, some)).return()
  const change = { sku: SCARCE, reason: 'counted', expectedAvailable: null }
  await adjustInventory(app, LOCAL_OPERATOR, { ...change, delta: 9 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: SCARCE, safetyStock: 0n, lowStockAt: 8n })
  await adjustInventory(app, LOCAL_OPERATOR, { ...change, delta: -1 })
}

async function reserve(app: App, sku: string): Promise<void> {
  // twice under the same key: the second finds the first
  const request = { sku, qty: 1, idempotencyKey: `exercise ${Date.now()}`, customerId: null }
  const { order } = await createOrder(app, LOCAL_OPERATOR, request)
  await createOrder(app, LOCAL_OPERATOR, request)
  await app.groups.reserveInventory.submit([{ orderId: order!.id }])
  await splitReservation(app, [{ orderId: order!.id }])
}

async function goToTheSupplier(app: App): Promise<void> {
  await createInventoryItem(app, LOCAL_OPERATOR, { sku: SCARCE, name: 'Scarce', available: 0 })
  const request = { sku: SCARCE, qty: 1, idempotencyKey: null, customerId: null }
  for (const end of ['ok', 'fail'] as const) {
    const { order } = await createOrder(app, LOCAL_OPERATOR, request)
    const orderId = order!.id
    await app.groups.reserveInventory.submit([{ orderId }])
    await findSupplierCall(app, { orderId, step: 1 })
    await settleSupplierOutcomes(app, [{ orderId, step: 1, outcome: { kind: 'accepted', ref: 'ref' } }])
    if (end === 'ok') await settleSupplierOutcomes(app, [{ orderId, step: 2, outcome: { kind: 'ok' } }])
    else await giveUp(app, orderId)
  }
}

async function shipAndCancel(app: App, sku: string): Promise<void> {
  const { location } = await saveLocation(app, LOCAL_OPERATOR, { code: 'EXERCISE', isActive: true })
  await listLocations(app)
  const request = { sku, qty: 2, idempotencyKey: null, customerId: null }
  const { order } = await createOrder(app, LOCAL_OPERATOR, request)
  const { id } = order!
  await app.groups.reserveInventory.submit([{ orderId: id }])
  // twice under the same key: the second finds the first
  const key = { id, idempotencyKey: `exercise ${id}` }
  const { shipments } = await shipOrder(app, LOCAL_OPERATOR, key)
  await shipOrder(app, LOCAL_OPERATOR, key)
  await undoShipment(app, LOCAL_OPERATOR, { id: shipments[0]!.id })
  const lines = [{ sku, qty: 1 }]
  await shipOrder(app, LOCAL_OPERATOR, { id, lines })
  await returnOrder(app, LOCAL_OPERATOR, { id, lines, location: location!.code })
  const { userErrors } = await cancelOrder(app, LOCAL_OPERATOR, { id, lines })
  if (userErrors[0]) throw new Error(userErrors[0].message)
}

async function holdAndExpire(app: App, sku: string): Promise<void> {
  const { order } = await createOrder(app, LOCAL_OPERATOR, { ...ONE, sku, holdSeconds: 3_600 })
  const { id } = order!
  await app.groups.reserveInventory.submit([{ orderId: id }])
  await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 7_200 })
  await app.pool.query('update orders set expires_at = clock_timestamp() where id = $1', [id])
  await findNextExpiry(app)
  await expireHolds(app)
  const { order: firm } = await createOrder(app, LOCAL_OPERATOR, { ...ONE, sku, holdSeconds: 3_600 })
  await confirmOrder(app, LOCAL_OPERATOR, { id: firm!.id })
}

/** Has somebody wait for a SKU, and serves those who do. */
export async function exerciseQueue(app: App, sku: string): Promise<void> {
  const place = async () => {
    const { order } = await createOrder(app, LOCAL_OPERATOR, { ...ONE, sku, ifShort: 'WAIT' })
    await app.groups.reserveInventory.submit([{ orderId: order!.id }])
  }
  await place()
  const page = { sku, after: null, sizeMax: 20 }
  await listWaitingOrders(app, LOCAL_OPERATOR, page)
  await listWaitingOrders(app, { ...LOCAL_OPERATOR, id: 'somebody', role: 'customer' }, page)
  await sumWaiting(app, LOCAL_OPERATOR, [sku])
  await adjustInventory(app, LOCAL_OPERATOR, { sku, delta: 1, reason: 'counted', expectedAvailable: null })
  // it takes its turn
  await place()
  await serveWaiting(app, { sku })
}

/** Counts as of the first movement, and fewer than are promised. */
async function count(app: App, sku: string): Promise<void> {
  const request = { reason: 'counted', onShortfall: 'UNRESERVE_NEWEST' } as const
  await countInventory(app, LOCAL_OPERATOR, { ...request, counts: [{ sku, counted: 1_000n, asOf: '0' }] })
  const { order } = await createOrder(app, LOCAL_OPERATOR, { ...ONE, sku: SCARCE })
  await app.groups.reserveInventory.submit([{ orderId: order!.id }])
  await countInventory(app, LOCAL_OPERATOR, { ...request, counts: [{ sku: SCARCE, counted: 0n }] })
  await countInventory(app, LOCAL_OPERATOR, { ...request, counts: [{ sku: SCARCE, counted: 99n }] })
}

async function importAndExport(app: App, sku: string): Promise<void> {
  const rows = ['1', '-1', 'x'].map((delta, index) => ({ line: 2 + index, cells: [sku, delta] }))
  const file = {
    fingerprint: `exercise ${Date.now()}`,
    columns: { kind: 'delta' as const, index: { sku: 0, delta: 1 }, count: 2 },
    rows: async function* () {
      yield* rows
    },
  }
  const { signal } = new AbortController()
  const options = { idempotencyKey: null, dryRun: false, signal, onProgress: () => {} }
  await importInventory(app, LOCAL_OPERATOR, file, options)
  for await (const _ of exportCountSheet(app, LOCAL_OPERATOR)) break
  for await (const _ of exportLedger(app, LOCAL_OPERATOR, null)) break
}

async function giveUp(app: App, orderId: string): Promise<void> {
  const payload = { orderId, step: 2 }
  const deadLetter = { task: 'check-supplier-status' as const, payload, error: 'bench', attempts: 8 }
  await failOrders(app, [deadLetter])
}

async function query(app: App, variables: object): Promise<void> {
  const server = createGraphQLServer(app, { isAuthenticated: false, explorer: false })
  for (const { text } of QUERIES) {
    const call = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: text, variables }),
    }
    const response = await server.fetch('http://bench/graphql', call, { caller: LOCAL_OPERATOR })
    const { errors } = (await response.json()) as { errors?: unknown[] }
    if (errors) throw new Error(JSON.stringify(errors))
  }
}
