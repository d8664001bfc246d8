import { afterEach, describe, expect, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { test as it } from '../support/fixtures.ts'
import {
  type Answer,
  codesOf,
  execute,
  type Subscribe,
  subscribeBySse,
  subscribeByWebSocket,
} from '../support/graphql.ts'

const DSN = 'postgresql://holdfast:s3cret@db.internal:5432/holdfast'
const ID = '01890a5d-ac96-774b-bcce-b302099a8057'
const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { id } }'

const OPERATIONS = [
  '{ orders { edges { node { id } } } }',
  '{ inventoryItem(sku: "BOLT") { name } }',
  '{ movements(sku: "BOLT") { edges { node { id } } } }',
  'mutation { createOrder(input: { sku: "BOLT", qty: 1 }) { order { id } } }',
  'mutation { createInventoryItem(input: { sku: "BOLT", name: "Bolt" }) { inventoryItem { sku } } }',
  'mutation { adjustInventory(input: { sku: "BOLT", delta: 1, reason: "x" }) { movement { id } } }',
]

afterEach(() => void vi.restoreAllMocks())

/** Has every way to the database fail. */
function failWith(app: App, error: Error): void {
  vi.spyOn(app.pool, 'query').mockImplementation(() => Promise.reject(error))
  vi.spyOn(app.pool, 'connect').mockImplementation(() => Promise.reject(error))
}

describe('an error that nobody expected', () => {
  const error = Object.assign(new Error(`no pg_hba.conf entry for ${DSN}`), {
    detail: DSN,
    hint: DSN,
    cause: DSN,
  })

  it.for(OPERATIONS)(
    'shows nothing of itself to the caller of %s, and is logged whole',
    async (operation, { app, server }) => {
      failWith(app, error)
      const logged = vi.spyOn(app.logger, 'error')
      const answer = await execute(server, operation)
      expectMasked(answer)
      expect(answer.text).not.toMatch(/s3cret|postgresql:|db\.internal|pg_hba|node_modules|\.ts\b/)
      expect(JSON.stringify(logged.mock.calls.map(describeLogged))).toContain('s3cret')
    },
  )

  it.for<[string, Subscribe]>([
    ['server-sent events', subscribeBySse],
    ['WebSocket', subscribeByWebSocket],
  ])('shows nothing of itself to a subscriber by %s', async ([_name, subscribe], { app, server }) => {
    failWith(app, error)
    const subscription = subscribe(server, WATCH, { id: ID })
    const answer = (await subscription.next())!
    expectMasked(answer)
    expect(JSON.stringify(answer)).not.toMatch(/s3cret|postgresql:|db\.internal|pg_hba|node_modules|\.ts\b/)
    expect(await subscription.next()).toBeUndefined()
    expect(app.feed.watcherCount).toBe(0)
  })

  it('shows nothing of itself to a query over WebSocket', async ({ app, server }) => {
    failWith(app, error)
    const answer = (await subscribeByWebSocket(server, OPERATIONS[0]!).next())!
    expectMasked(answer)
    expect(JSON.stringify(answer)).not.toMatch(/s3cret|postgresql:|db\.internal|pg_hba|node_modules|\.ts\b/)
  })

  it('shows nothing of itself when the database raises it', async ({ app, testApp, server }) => {
    const { pool } = app
    testApp.allowBreaches('a view stands in the place of a table')
    await pool.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'relation "orders" does not exist, select again'; end $$`)
    for (const table of ['orders', 'items', 'inventory_movements']) {
      await pool.query(`create trigger refuse before insert or update on ${table} execute function refuse()`)
    }
    await pool.query('alter table items disable trigger user')
    await pool.query(`insert into items (sku, name) values ('BOLT', 'Bolt')`)
    await pool.query(
      `insert into stock_levels (sku, location, available, reserved) values ('BOLT', 'MAIN', 0, 0)`,
    )
    await pool.query('alter table items enable trigger user')
    const expectAllMasked = async (operations: string[]) => {
      for (const operation of operations) {
        const answer = await execute(server, operation)
        expectMasked(answer)
        expect(answer.text).not.toMatch(/relation|does not exist|P0001|22012|prisma|select /i)
      }
    }
    await expectAllMasked(OPERATIONS.slice(3))
    await pool.query(`alter table stock_levels rename to levels_before;
      create view stock_levels as
        select sku, location, available, 1 / available as reserved, safety_stock from levels_before`)
    await expectAllMasked(['{ inventoryItem(sku: "BOLT") { name reserved } }'])
  })
})

describe('a database that is away', () => {
  it.for(OPERATIONS)(
    'is named as such, and no more, to the caller of %s',
    async (operation, { app, server }) => {
      failWith(
        app,
        Object.assign(new Error(`connect ECONNREFUSED ${DSN}`), { code: 'ECONNREFUSED', syscall: 'connect' }),
      )
      const answer = await execute(server, operation)
      expect(codesOf(answer)).toEqual(['UNAVAILABLE'])
      expect(answer.text).not.toMatch(/s3cret|ECONNREFUSED|db\.internal/)
    },
  )

  it('is named as such when the pool is closed', async ({ app, server }) => {
    const { pool } = app
    await app.prisma.$disconnect()
    if (!pool.ended) await pool.end()
    for (const operation of OPERATIONS)
      expect(codesOf(await execute(server, operation))).toEqual(['UNAVAILABLE'])
    // closing it again with the application is refused by the pool
    pool.end = async () => {}
  })
})

it('shows a caller its own mistakes as they are', async ({ server }) => {
  const answer = await execute(server, '{ orders(first: 101) { edges { node { id } } } }')
  expect(answer.errors).toMatchObject([
    { message: '"first" must be 0 to 100, not 101', extensions: { code: 'BAD_USER_INPUT' } },
  ])
})

function expectMasked(answer: Answer): void {
  expect(answer.errors?.map(({ message }) => message)).toEqual(['Unexpected error'])
  expect(codesOf(answer)).toEqual(['INTERNAL_SERVER_ERROR'])
}

/** What a log line holds of an error: an Error has no fields of its own in JSON. */
function describeLogged([fields]: readonly unknown[]): unknown {
  const { err } = (fields ?? {}) as { err?: Error }
  return [err?.message, String(err)]
}
