import { expect } from 'vitest'
import { countTold, readLedger } from '../../chaos/check-streams.ts'
import { checkAll } from '../../chaos/checks.ts'
import type { Reader } from '../../chaos/database.ts'
import { type ChaosDatabase, startDatabase } from '../../chaos/database.ts'
import { Findings } from '../../chaos/findings.ts'
import {
  createDeed,
  createHistory,
  createIntent,
  type Deed,
  type History,
  type Intent,
} from '../../chaos/history.ts'
import type { SupplierRecord } from '../../chaos/hostile-supplier.ts'
import type { StreamView } from '../../chaos/stock-history.ts'
import { type App, createApp } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../src/use-cases/orders/verbs/extend-hold.ts'
import type { ChangeOrderResult } from '../../src/use-cases/orders/verbs/order-call.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../src/use-cases/orders/verbs/undo-shipment.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { seed } from '../support/harness.ts'
import { expireHold } from '../support/holds.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { followStock, KeptStock } from './kept-stock.ts'

/** What clients saw, and what the supplier wrote down. */
export type Remains = { history: History; records: Map<string, SupplierRecord> }

/** What a run leaves, made small and by hand. */
export class SmallRun {
  #database!: ChaosDatabase
  #closeApp: () => Promise<void> = async () => {}
  #deeds: Deed[] = []
  #stream!: StreamView
  app!: App
  /** What was done with stock beside orders. */
  kept!: KeptStock
  /** Reserved from stock. */
  stocked!: Order
  /** Reserved from what the supplier brought. */
  supplied!: Order
  /** Refused by the supplier. */
  refused!: Order
  /** Of two lines, from two locations: a part was shipped, some of it came back, the rest was cancelled. */
  carried!: Order
  /** Shipped, which was undone. */
  undone!: Order
  /** Of two lines, cancelled while the supplier was asked for one of them, which came later. */
  late!: Order
  /** A hold that was confirmed. */
  firm!: Order
  /** A hold that was extended, and has expired. */
  expired!: Order
  /** Waits for stock. */
  waiting!: Order
  /** Failed, for want of stock. */
  failed!: Order

  async start(): Promise<void> {
    this.#database = await startDatabase()
    const supplierPolicy = {
      recheckDelayMs: 0,
      recheckLimit: 2,
      recheckFactor: 1,
      attemptsMax: 3,
      retryBaseMs: 1,
    }
    const { app, close } = await createApp({
      databaseUrl: this.#database.url,
      logger: createLogger('silent'),
      supplierPolicy,
    })
    this.app = app
    this.#closeApp = close
    const stream = await followStock(app)
    await seed(app).location('EAST', { priority: 200 })
    await seed(app).item({ sku: 'A', available: 5 })
    await seed(app).item({ sku: 'B', available: 10 })
    await this.#adjust('B', 'EAST', 2, 'before')
    await seed(app).item({ sku: 'C', available: 1 })
    this.stocked = await this.#order({ A: 2 }, 'stocked')
    this.supplied = await this.#order({ A: 9 }, 'supplied')
    this.refused = await this.#order({ A: 8 }, 'refused')
    this.carried = await this.#order({ B: 11, A: 1 }, 'carried')
    this.undone = await this.#order({ A: 1 }, 'undone')
    this.late = await this.#order({ B: 1, C: 4 }, 'late')
    const orders = [this.stocked, this.supplied, this.refused, this.carried, this.undone, this.late]
    await reserveOrders(
      app,
      orders.map(({ id }) => id),
    )
    await this.#settle(this.supplied, 'A', 1, { kind: 'accepted', ref: 'r0' })
    await this.#settle(this.refused, 'A', 1, { kind: 'refused' })
    await this.#settle(this.supplied, 'A', 2, { kind: 'ok' })
    await this.#settle(this.late, 'C', 1, { kind: 'accepted', ref: 'r2' })
    await this.#doAll()
    await this.#settle(this.late, 'C', 2, { kind: 'ok' })
    await this.#adjust('A', 'MAIN', 3, 'chaos 1')
    await this.#holdAndWait()
    this.kept = new KeptStock(app, (sku, qty, key, locations) =>
      this.#order({ [sku]: qty }, key, { ifShort: 'WAIT', ...(locations && { locations }) }),
    )
    await this.kept.keep()
    const ledger = await readLedger(this.#database)
    this.#stream = await stream.untilTold(countTold({ changes: [] }, ledger))
  }

  /** Holds, and orders that ask no supplier. */
  async #holdAndWait(): Promise<void> {
    const { app } = this
    await seed(app).item({ sku: 'E', available: 5 })
    this.firm = await this.#order({ E: 2 }, 'firm', { holdSeconds: 60 })
    this.expired = await this.#order({ E: 1 }, 'expired', { holdSeconds: 60 })
    const [firm, expired] = [this.firm.id, this.expired.id]
    await reserveOrders(app, [firm, expired])
    await this.#do(
      { verb: 'confirmOrder', tag: 'deed-9', orderId: firm },
      confirmOrder(app, LOCAL_OPERATOR, { id: firm, idempotencyKey: 'deed-9' }),
    )
    await this.#do(
      { verb: 'extendHold', tag: 'deed-10', orderId: expired, holdSeconds: 90 },
      extendHold(app, LOCAL_OPERATOR, { id: expired, holdSeconds: 90, idempotencyKey: 'deed-10' }),
    )
    await expireHold(app, expired)
    this.waiting = await this.#order({ A: 1, E: 4 }, 'waiting', { ifShort: 'WAIT' })
    this.failed = await this.#order({ A: 1, E: 5 }, 'failed', { ifShort: 'FAIL' })
    await reserveOrders(app, [this.waiting.id, this.failed.id])
  }

  /** What clients do to orders, in this order. */
  async #doAll(): Promise<void> {
    const { app } = this
    const { id } = this.carried
    const part = [{ sku: 'B', qty: 11 }]
    const [shipped, returned, cancelled, sent, undone, given] = [
      'deed-1',
      'deed-2',
      'deed-3',
      'deed-4',
      'deed-5',
      'deed-6',
    ]
    const shipping = { id, lines: part, reference: shipped, idempotencyKey: shipped }
    await this.#do(
      { verb: 'shipOrder', tag: shipped!, orderId: id, lines: part },
      shipOrder(app, LOCAL_OPERATOR, shipping),
    )
    const back = [
      { sku: 'B', qty: 2, disposition: 'RESTOCK' as const },
      { sku: 'B', qty: 1, disposition: 'DISCARD' as const },
    ]
    const returning = { id, lines: back, note: returned, idempotencyKey: returned }
    await this.#do(
      { verb: 'returnOrder', tag: returned!, orderId: id, lines: back },
      returnOrder(app, LOCAL_OPERATOR, returning),
    )
    await this.#do(
      { verb: 'cancelOrder', tag: cancelled!, orderId: id },
      cancelOrder(app, LOCAL_OPERATOR, { id, note: cancelled, idempotencyKey: cancelled }),
    )
    const orderId = this.undone.id
    const [shipment] = await this.#do(
      { verb: 'shipOrder', tag: sent!, orderId },
      shipOrder(app, LOCAL_OPERATOR, { id: orderId, reference: sent, idempotencyKey: sent }),
    )
    const shipmentId = shipment!.id
    await this.#do(
      { verb: 'undoShipment', tag: undone!, orderId, shipmentId },
      undoShipment(app, LOCAL_OPERATOR, { id: shipmentId, note: undone, idempotencyKey: undone }),
    )
    await this.#do(
      { verb: 'cancelOrder', tag: given!, key: null, orderId: this.late.id },
      cancelOrder(app, LOCAL_OPERATOR, { id: this.late.id, note: given }),
    )
    const refused = createDeed({ verb: 'shipOrder', tag: 'deed-7', orderId: this.refused.id })
    this.#deeds.push({ ...refused, refusals: ['WRONG_STATE'], isSettled: true })
  }

  /** Notes what is done as a client does. */
  async #do(wanted: Parameters<typeof createDeed>[0], doing: Promise<ChangeOrderResult>) {
    const { userErrors, shipments } = await doing
    expect(userErrors).toEqual([])
    const told = shipments.map(({ id, lines }) => ({
      id,
      lines: lines.map(({ sku, qty }) => ({ sku, qty })),
    }))
    this.#deeds.push({ ...createDeed(wanted), isDone: true, isSettled: true, shipments: told })
    return told
  }

  async end(): Promise<void> {
    await this.#closeApp()
    await this.#database?.remove()
  }

  /** What clients and supplier would remember of it. */
  remember(): Remains {
    const intent = (key: string, { id, lines }: Order): Intent => ({
      ...createIntent({
        key,
        lines: lines.map(({ sku, qty }) => ({ sku, qty })),
        locations: null,
        expected: 'an order',
      }),
      ids: [id],
      version: 1,
      status: 'PENDING',
    })
    const nowhere = { key: 'nowhere', lines: [{ sku: 'NOWHERE', qty: 1 }], locations: null }
    const record = (
      key: string,
      orderId: string,
      { sku, qty }: { sku: string; qty: number },
      plan: 'ok' | 'refused',
      ref: string,
    ): [string, SupplierRecord] => [key, { orderId, sku, qty, plan, ref, requests: 1, checks: 1 }]
    const first = { afterVersion: 0, known: 0, seen: [{ version: 1, status: 'PENDING' }] }
    const { supplied, refused, late, kept } = this
    const { stockDeeds, rules, files } = kept
    return {
      history: {
        ...createHistory(),
        stock: new Map([
          ['A', 5],
          ['B', 12],
          ['C', 1],
          ['E', 5],
          ['K', 10],
          ['L', 0],
          ['M', 1],
        ]),
        intents: [
          intent('stocked', this.stocked),
          intent('supplied', supplied),
          intent('refused', refused),
          intent('carried', this.carried),
          intent('undone', this.undone),
          intent('late', late),
          { ...intent('firm', this.firm), holdSeconds: 60 },
          { ...intent('expired', this.expired), holdSeconds: 60 },
          { ...intent('waiting', this.waiting), ifShort: 'WAIT' },
          { ...intent('failed', this.failed), ifShort: 'FAIL' },
          { ...intent('regained', kept.regained), ifShort: 'WAIT', locations: ['MAIN'] },
          { ...intent('lost', kept.lost), ifShort: 'WAIT', locations: ['EAST'] },
          { ...intent('unserved', kept.unserved), ifShort: 'WAIT' },
          createIntent({ ...nowhere, expected: 'UNKNOWN_SKU' }),
        ],
        deeds: structuredClone(this.#deeds),
        ...structuredClone({ stockDeeds, rules, files, streams: [this.#stream] }),
        adjustments: [{ reason: 'chaos 1', sku: 'A', location: 'MAIN', delta: 3, outcome: 'done' }],
        views: [
          {
            orderId: supplied.id,
            connections: [
              first,
              {
                afterVersion: 0,
                known: 1,
                seen: [
                  { version: 2, status: 'AWAITING_RESTOCK' },
                  { version: 3, status: 'RESERVED' },
                ],
              },
            ],
            tries: 2,
            end: undefined,
          },
          {
            orderId: this.carried.id,
            connections: [structuredClone(first)],
            tries: 1,
            end: 'by its watcher',
          },
        ],
      },
      records: new Map([
        record(supplied.id, supplied.id, supplied.lines[0]!, 'ok', 'r0'),
        record(refused.id, refused.id, refused.lines[0]!, 'refused', 'r1'),
        record(`${late.id}:C`, late.id, late.lines[1]!, 'ok', 'r2'),
      ]),
    }
  }

  /** The names of the checks that find something. */
  async check({ history, records }: Remains, statements = ''): Promise<string[]> {
    const findings = new Findings()
    await this.#database.withClient(async (client) => {
      const reader: Reader = {
        query: async (text, values) => (await client.query(text, values)).rows,
        withClient: (work) => work(client),
      }
      await client.query('begin')
      if (statements) await client.query(statements)
      await checkAll(reader, history, records, findings)
      await client.query('rollback')
    })
    return findings.violations().map((violation) => violation.check)
  }

  async #order(
    qtys: Record<string, number>,
    key: string,
    how: { holdSeconds?: number; ifShort?: 'WAIT' | 'FAIL'; locations?: string[] } = {},
  ): Promise<Order> {
    const lines = Object.entries(qtys).map(([sku, qty]) => ({ sku, qty }))
    const request = { ...how, lines, idempotencyKey: key, customerId: null }
    return (await createOrder(this.app, LOCAL_OPERATOR, request)).order!
  }

  async #settle(
    { id: orderId }: Order,
    sku: string,
    step: number,
    outcome: Parameters<typeof settleSupplierOutcomes>[1][number]['outcome'],
  ): Promise<void> {
    await settleSupplierOutcomes(this.app, [{ orderId, sku, step, outcome }])
  }

  async #adjust(sku: string, location: string, delta: number, reason: string): Promise<void> {
    const adjustment = { sku, location, delta, reason, expectedAvailable: null }
    expect((await adjustInventory(this.app, LOCAL_OPERATOR, adjustment)).userErrors).toEqual([])
  }
}
