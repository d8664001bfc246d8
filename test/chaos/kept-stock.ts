import { expect } from 'vitest'
import {
  createStockDeed,
  type SentFile,
  type SentRules,
  type StockAnswer,
  type StockDeed,
  type StreamView,
} from '../../chaos/stock-history.ts'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import type { InventoryMovement } from '../../src/domain/stock/stock.ts'
import { serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { importInventory } from '../../src/use-cases/stock/sheets/import-inventory.ts'
import { readColumns } from '../../src/use-cases/stock/sheets/import-row.ts'
import { adjustInventories } from '../../src/use-cases/stock/verbs/adjust-inventories.ts'
import type { BulkResult } from '../../src/use-cases/stock/verbs/bulk-result.ts'
import { countInventory } from '../../src/use-cases/stock/verbs/count-inventory.ts'
import { receiveInventory } from '../../src/use-cases/stock/verbs/receive-inventory.ts'
import { transferInventory } from '../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { eventually, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

type PlaceOrder = (sku: string, qty: number, key: string, locations?: string[]) => Promise<Order>

/** What a run leaves of stock keeping, made small and by hand: orders that lose their promise, files, and what clients saw. */
export class KeptStock {
  readonly stockDeeds: StockDeed[] = []
  readonly rules: SentRules[] = []
  readonly files: SentFile[] = []
  /** Lost its promise, and was served again. */
  regained!: Order
  /** Lost its promise, and waits. */
  lost!: Order
  /** Waits for more than ever comes. */
  unserved!: Order
  readonly #app: App
  readonly #order: PlaceOrder

  constructor(app: App, order: PlaceOrder) {
    this.#app = app
    this.#order = order
  }

  async keep(): Promise<void> {
    const app = this.#app
    await seed(app).item({ sku: 'K', available: 10 })
    await seed(app).item({ sku: 'L', available: 0 })
    await seed(app).item({ sku: 'M', available: 1 })
    await this.#receive({ tag: 'keep-1', sku: 'K', qty: 5 })
    // the next movements are 999 and 1000, which as text are in the other order
    await app.pool.query(`select setval('inventory_movements_id_seq', 998)`)
    await this.#transfer('keep-2', 'K', 4)
    await this.#transfer('keep-3', 'L', 1)
    const sheet = await this.#adjust()
    this.regained = await this.#order('K', 6, 'regained', ['MAIN'])
    this.lost = await this.#order('K', 4, 'lost', ['EAST'])
    await reserveOrders(app, [this.regained.id, this.lost.id])
    await this.#count({ tag: 'keep-5', location: 'MAIN', qty: 3, asOf: sheet })
    await this.#count({ tag: 'keep-6', location: 'EAST', qty: 0, asOf: null })
    await this.#receive({ tag: 'keep-7', sku: 'K', qty: 20 })
    await serveWaiting(app, { sku: 'K' })
    await this.#bringBack()
    await setStockRules(app, LOCAL_OPERATOR, { sku: 'K', lowStockAt: 3n })
    this.rules.push({ sku: 'K', location: 'MAIN', lowStockAt: 3, isDone: true, isLast: true })
    const rows = [
      { line: 2, sku: 'K', location: 'MAIN', cell: '2', isWrong: false },
      { line: 3, sku: 'K', location: 'MAIN', cell: '-500', isWrong: false },
      { line: 4, sku: 'NOWHERE', location: 'MAIN', cell: '1', isWrong: true },
    ]
    await this.#import({ tag: 'file-1', kind: 'delta', rows })
    await serveWaiting(app, { sku: 'K' })
    const counts = ['4', '', '-1'].map((cell, index) => {
      return { line: index + 2, sku: 'L', location: 'MAIN', cell, isWrong: cell === '-1' }
    })
    await this.#import({ tag: 'file-2', kind: 'counted', rows: counts })
  }

  /** What came in is back in stock only once nobody who waits has taken it: that is told in a second place. */
  async #bringBack(): Promise<void> {
    this.unserved = await this.#order('M', 3, 'unserved')
    await reserveOrders(this.#app, [this.unserved.id])
    const rows = [{ sku: 'M', qty: -1 }]
    const taken = createStockDeed({ verb: 'adjustInventories', tag: 'keep-8', location: 'MAIN', rows })
    const changes = [{ sku: 'M', delta: -1 }]
    await this.#noteBulk(
      taken,
      adjustInventories(this.#app, LOCAL_OPERATOR, { changes, reason: 'keep-8', idempotencyKey: 'keep-8' }),
    )
    await this.#receive({ tag: 'keep-9', sku: 'M', qty: 2 })
    await serveWaiting(this.#app, { sku: 'M' })
  }

  async #receive({ tag, sku, qty }: { tag: string; sku: string; qty: number }): Promise<void> {
    const deed = createStockDeed({ verb: 'receiveInventory', tag, location: 'MAIN', rows: [{ sku, qty }] })
    const request = { sku, qty, reason: tag, idempotencyKey: tag }
    const { movement, userErrors } = await receiveInventory(this.#app, LOCAL_OPERATOR, request)
    expect(userErrors).toEqual([])
    this.#note(deed, { results: [{ movement: movement && toldOf(movement), code: null }], unreserved: [] })
  }

  async #transfer(tag: string, sku: string, qty: number): Promise<void> {
    const lines = [{ sku, qty }]
    const where = { location: 'MAIN', to: 'EAST' }
    const deed = createStockDeed({ verb: 'transferInventory', tag, ...where, rows: lines })
    const request = { from: 'MAIN', to: 'EAST', lines, reason: tag, idempotencyKey: tag }
    const { movements, userErrors } = await transferInventory(this.#app, LOCAL_OPERATOR, request)
    if (userErrors[0]) {
      this.stockDeeds.push({ ...deed, refusals: [userErrors[0].code], isSettled: true })
      return
    }
    const results = movements.map((movement) => ({ movement: toldOf(movement), code: null }))
    this.#note(deed, { results, unreserved: [] })
  }

  /** One of two is refused. @returns the movement of the other */
  async #adjust(): Promise<string> {
    const rows = [
      { sku: 'K', qty: -1, expectedAvailable: 11 },
      { sku: 'L', qty: -5, expectedAvailable: null },
    ]
    const errorPolicy = 'SKIP_FAILED'
    const common = { tag: 'keep-4', location: 'MAIN', rows, errorPolicy } as const
    const deed = createStockDeed({ verb: 'adjustInventories', ...common })
    const changes = [
      { sku: 'K', delta: -1, expectedAvailable: 11n },
      { sku: 'L', delta: -5 },
    ]
    const how = { reason: 'keep-4', idempotencyKey: 'keep-4', errorPolicy } as const
    const answer = await this.#noteBulk(
      deed,
      adjustInventories(this.#app, LOCAL_OPERATOR, { changes, ...how }),
    )
    return answer.results[0]!.movement!.id
  }

  /** Orders lose what they were promised. */
  async #count({
    tag,
    location,
    qty,
    asOf,
  }: {
    tag: string
    location: string
    qty: number
    asOf: string | null
  }): Promise<void> {
    const onShortfall = 'UNRESERVE_NEWEST'
    const rows = [{ sku: 'K', qty, asOf }]
    const deed = createStockDeed({ verb: 'countInventory', tag, location, rows, onShortfall })
    const counts = [{ sku: 'K', counted: BigInt(qty), asOf }]
    const how = { location, counts, reason: tag, onShortfall, idempotencyKey: tag } as const
    const answer = await this.#noteBulk(deed, countInventory(this.#app, LOCAL_OPERATOR, how))
    expect(answer.unreserved).toHaveLength(1)
  }

  async #noteBulk(deed: StockDeed, doing: Promise<BulkResult>): Promise<StockAnswer> {
    const { results, unreserved, userErrors } = await doing
    expect(userErrors).toEqual([])
    const answer = {
      results: results.map(({ movement, userErrors: [error] }) => {
        return { movement: movement && toldOf(movement), code: error?.code ?? null }
      }),
      unreserved: unreserved.map(({ id }) => id),
    }
    this.#note(deed, answer)
    return answer
  }

  #note(deed: StockDeed, answer: StockAnswer): void {
    this.stockDeeds.push({ ...deed, answer, isSettled: true })
  }

  async #import({ tag, kind, rows }: Pick<SentFile, 'tag' | 'kind' | 'rows'>): Promise<void> {
    const columns = readColumns(['sku', 'location', kind, 'reason', 'reference'])
    if (typeof columns === 'string') throw new Error(columns)
    const file = {
      fingerprint: tag,
      columns,
      async *rows() {
        for (const { line, sku, location, cell } of rows)
          yield { line, cells: [sku, location, cell, tag, `${line}`] }
      },
    }
    const how = { dryRun: false, signal: new AbortController().signal, onProgress: () => {} }
    const imported = await importInventory(this.#app, LOCAL_OPERATOR, file, { ...how, idempotencyKey: tag })
    const { rowsRead, changed, unchanged, skipped, refused, refusals } = imported.report!
    const counts = { rows: rowsRead, changed, unchanged, skipped, refused }
    const report = { complete: true, repeated: false, ...counts, refused_rows: refusals }
    this.files.push({ tag, key: tag, kind, rows, tries: 1, report })
  }
}

function toldOf({ id, sku, delta, availableAfter, reservedAfter }: InventoryMovement) {
  return { id: String(id), sku, delta, onHandAfter: Number(availableAfter + reservedAfter) }
}

/** Follows the stock as a client does. @returns what it was told, once that is so much, and an end to it */
export async function followStock(app: App) {
  app.stockFeed.start()
  const everything = { skus: null, locations: null, after: null }
  const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, everything)
  const view: StreamView = { reader: 'a reader', changes: [], connections: 1 }
  const following = (async () => {
    for await (const changes of watcher) {
      for (const { movement, crossed } of changes) {
        const { id, sku, location } = movement
        const level = `${sku} at ${location}`
        view.changes.push({ movementId: Number(id), level, crossed: crossed.toSorted().join() })
      }
    }
  })()
  return {
    async untilTold(count: number): Promise<StreamView> {
      await eventually(() => view.changes.length >= count)
      await watcher.return()
      await following
      return view
    },
  }
}
