import { expect } from 'vitest'
import { checkAll, type Reader } from '../../chaos/checks.ts'
import { type ChaosDatabase, startDatabase } from '../../chaos/database.ts'
import { Findings } from '../../chaos/findings.ts'
import { createIntent, type History, type Intent, type View } from '../../chaos/history.ts'
import type { SupplierRecord } from '../../chaos/hostile-supplier.ts'
import { type App, createApp } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { adjustInventory } from '../../src/use-cases/stock/adjust-inventory.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

/** What clients saw, and what the supplier wrote down. */
export type Remains = { history: History; records: Map<string, SupplierRecord> }

/** What a run leaves, made small and by hand. */
export class SmallRun {
  #database!: ChaosDatabase
  #closeApp: () => Promise<void> = async () => {}
  app!: App
  /** Reserved from stock. */
  stocked!: Order
  /** Reserved from what the supplier brought. */
  supplied!: Order
  /** Refused by the supplier. */
  refused!: Order

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
    await seed(app).item({ sku: 'A', available: 5 })
    this.stocked = await this.#order(2, 'stocked')
    this.supplied = await this.#order(9, 'supplied')
    this.refused = await this.#order(8, 'refused')
    await reserveOrders(app, [this.stocked.id, this.supplied.id, this.refused.id])
    await settleSupplierOutcomes(app, [
      { orderId: this.supplied.id, step: 1, outcome: { kind: 'accepted', ref: 'r0' } },
      { orderId: this.refused.id, step: 1, outcome: { kind: 'refused' } },
    ])
    await settleSupplierOutcomes(app, [{ orderId: this.supplied.id, step: 2, outcome: { kind: 'ok' } }])
    const adjustment = { sku: 'A', delta: 3, reason: 'chaos 1', expectedAvailable: null }
    expect((await adjustInventory(app, LOCAL_OPERATOR, adjustment)).userErrors).toEqual([])
  }

  async end(): Promise<void> {
    await this.#closeApp()
    await this.#database?.remove()
  }

  /** What clients and supplier would remember of it. */
  remember(): Remains {
    const intent = (key: string, { id, qty }: Order): Intent => ({
      ...createIntent({ key, sku: 'A', qty, expected: 'an order' }),
      ids: [id],
      version: 1,
      status: 'PENDING',
    })
    const record = ({ id, qty }: Order, plan: 'ok' | 'refused', ref: string): [string, SupplierRecord] => [
      id,
      { orderId: id, sku: 'A', qty, plan, ref, requests: 1, checks: 1 },
    ]
    const view: View = {
      orderId: this.supplied.id,
      connections: [
        { afterVersion: 0, known: 0, seen: [{ version: 1, status: 'PENDING' }] },
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
      isDone: true,
    }
    return {
      history: {
        intents: [
          intent('stocked', this.stocked),
          intent('supplied', this.supplied),
          intent('refused', this.refused),
          { ...createIntent({ key: 'nowhere', sku: 'NOWHERE', qty: 1, expected: 'UNKNOWN_SKU' }) },
        ],
        adjustments: [{ reason: 'chaos 1', sku: 'A', delta: 3, outcome: 'done' }],
        views: [view],
      },
      records: new Map([record(this.supplied, 'ok', 'r0'), record(this.refused, 'refused', 'r1')]),
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

  async #order(qty: number, key: string): Promise<Order> {
    const request = { sku: 'A', qty, idempotencyKey: key, customerId: null }
    return (await createOrder(this.app, LOCAL_OPERATOR, request)).order!
  }
}
