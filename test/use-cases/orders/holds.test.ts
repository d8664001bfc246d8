import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { PassedOver } from '../../../src/use-cases/in-halves.ts'
import { createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { expireHolds, findNextExpiry } from '../../../src/use-cases/orders/expire-holds.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { RESERVE_BATCH_MAX } from '../../../src/use-cases/orders/reserve-inventory.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../../src/use-cases/orders/verbs/extend-hold.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import { failOrder } from '../../support/fail-order.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed, startTestWorker } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let skuCount = 0
const ALICE: Caller = { id: 'alice', role: 'customer', expiresAt: null }
const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
const codeOf = ({ userErrors }: { userErrors: readonly { code: string }[] }) => userErrors[0]?.code ?? 'done'

/** A hold of a SKU of its own, reserved. */
async function held(
  app: App,
  { qty = 2, available = 5, holdSeconds = 600, customerId = null as string | null } = {},
) {
  const sku = `HOLD-${++skuCount}`
  await seed(app).item({ sku, available })
  const { order } = await createOrder(app, LOCAL_OPERATOR, {
    sku,
    qty,
    holdSeconds,
    customerId,
    idempotencyKey: null,
  })
  await reserveOrders(app, [order!.id])
  return { id: order!.id, sku, expiresAt: order!.expiresAt! }
}

/** Lets a hold expire so many milliseconds from now, by the database's clock. */
async function expireIn(app: App, id: string, ms: number): Promise<void> {
  await app.pool.query(
    // cut, because the column rounds: a hold that has expired would do so in half a millisecond
    `update orders set expires_at = date_trunc('milliseconds', clock_timestamp() + $2::float8 * interval '1 ms') where id = $1`,
    [id, ms],
  )
}

const databaseTime = async (app: App): Promise<number> =>
  (await app.pool.query('select clock_timestamp() as now')).rows[0].now.getTime()

describe('a hold', () => {
  test('expires so many seconds after its insert, by the database’s clock', async ({ app }) => {
    const before = await databaseTime(app)
    const { id, expiresAt } = await held(app, { holdSeconds: 90 })
    const after = await databaseTime(app)
    expect(expiresAt.getTime()).toBeGreaterThanOrEqual(before + 90_000 - 1)
    expect(expiresAt.getTime()).toBeLessThanOrEqual(after + 90_000)
    expect(await read(app, id)).toMatchObject({ status: 'RESERVED', expiresAt })
    const next = await findNextExpiry(app)
    expect(next).toBeGreaterThan(0)
  })

  test.each([0, -1, 2_678_401, 1.5, Number.NaN])('of %s seconds is refused', async (holdSeconds) => {
    const nobody = {} as App
    const request = { sku: 'A', qty: 1, holdSeconds, customerId: null, idempotencyKey: null }
    expect(await createOrder(nobody, LOCAL_OPERATOR, request)).toMatchObject({
      userErrors: [{ code: 'INVALID_HOLD', field: ['input', 'holdSeconds'] }],
    })
  })

  test('that is firm expires no more, and ships', async ({ app }) => {
    const { id } = await held(app)
    expect(codeOf(await shipOrder(app, LOCAL_OPERATOR, { id }))).toBe('WRONG_STATE')
    const { order } = await confirmOrder(app, LOCAL_OPERATOR, { id, idempotencyKey: `confirm ${id}` })
    expect(order).toMatchObject({ status: 'RESERVED', expiresAt: null, version: 3 })
    const again = await confirmOrder(app, LOCAL_OPERATOR, { id, idempotencyKey: `confirm ${id}` })
    expect(again.order).toEqual(order)
    expect(codeOf(await confirmOrder(app, LOCAL_OPERATOR, { id }))).toBe('WRONG_STATE')
    expect((await shipOrder(app, LOCAL_OPERATOR, { id })).order?.status).toBe('SHIPPED')
  })

  test('can be extended from now on, however often', async ({ app }) => {
    const { id } = await held(app, { holdSeconds: 5 })
    const before = await databaseTime(app)
    const { order } = await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 900 })
    expect(order!.expiresAt!.getTime()).toBeGreaterThanOrEqual(before + 900_000 - 1)
    expect(await read(app, id)).toEqual(order)
    expect(codeOf(await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 1_000_000_000 }))).toBe(
      'INVALID_HOLD',
    )
    expect(codeOf(await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 9, expectedVersion: 1 }))).toBe(
      'STALE_EXPECTATION',
    )
  })

  test('that has expired is neither confirmed nor extended, before and after it was released', async ({
    app,
  }) => {
    const { id, sku } = await held(app)
    await expireIn(app, id, 0)
    for (const isReleased of [false, true]) {
      if (isReleased) expect((await expireHolds(app)).expired).toBeGreaterThan(0)
      expect(codeOf(await confirmOrder(app, LOCAL_OPERATOR, { id }))).toBe('HOLD_EXPIRED')
      expect(codeOf(await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 60 }))).toBe('HOLD_EXPIRED')
    }
    expect(await read(app, id)).toMatchObject({
      status: 'EXPIRED',
      ending: 'EXPIRED',
      lines: [{ cancelled: 2 }],
    })
    expect(await readItem(app, sku)).toMatchObject({ available: 5n, reserved: 0n })
    expect((await cancelOrder(app, LOCAL_OPERATOR, { id })).order?.status).toBe('EXPIRED')
  })

  test('is a customer’s own to confirm, and no other’s', async ({ app }) => {
    const [own, other] = [await held(app, { customerId: 'alice' }), await held(app, { customerId: 'bob' })]
    expect(codeOf(await confirmOrder(app, ALICE, { id: own.id }))).toBe('done')
    expect(codeOf(await confirmOrder(app, ALICE, { id: other.id }))).toBe('UNKNOWN_ORDER')
    expect(codeOf(await extendHold(app, ALICE, { id: other.id, holdSeconds: 9 }))).toBe('UNKNOWN_ORDER')
  })

  test('bounds waiting too', async ({ app }) => {
    const { id } = await held(app, { qty: 9 })
    expect((await read(app, id)).status).toBe('AWAITING_RESTOCK')
    await expireIn(app, id, 0)
    await expireHolds(app)
    expect((await read(app, id)).status).toBe('EXPIRED')
    const { rows } = await app.pool.query('select queued_qty from order_lines where order_id = $1', [id])
    expect(rows).toEqual([{ queued_qty: null }])
  })

  test('that failed is opened again only before it expires; its dead letter is closed either way', async ({
    app,
  }) => {
    const letters = async (orderId: string) =>
      (await app.prisma.deadLetter.findMany({ where: { orderId } })).map(({ id }) => id)
    for (const isPast of [false, true]) {
      const sku = `HOLD-${++skuCount}`
      await seed(app).item({ sku, available: 1 })
      const request = { sku, qty: 1, holdSeconds: 60, customerId: null, idempotencyKey: null }
      const { order } = await createOrder(app, LOCAL_OPERATOR, request)
      await failOrder(app, order!.id)
      if (isPast) await expireIn(app, order!.id, 0)
      const retried = await retryDeadLetters(app, LOCAL_OPERATOR, await letters(order!.id))
      expect(retried).toHaveLength(1)
      expect((await read(app, order!.id)).status).toBe(isPast ? 'FAILED' : 'PENDING')
      expect(await app.prisma.deadLetter.count({ where: { orderId: order!.id, retriedAt: null } })).toBe(0)
    }
  })
})

test('of confirmation and expiry at the same instant exactly one wins, a thousand times', async ({
  app,
  testApp,
}) => {
  const other = await joinTestApp(testApp)
  const RACES = 1_000
  const sku = `RACE-${++skuCount}`
  await seed(app).item({ sku, available: RACES })
  const orders = await Promise.all(
    Array.from({ length: RACES }, async () => {
      const request = { sku, qty: 1, holdSeconds: 3_600, customerId: null, idempotencyKey: null }
      return (await createOrder(app, LOCAL_OPERATOR, request)).order!.id
    }),
  )
  await reserveOrders(app, orders)
  // each at an instant of its own, and confirmed around it: far enough for a machine that is behind
  await app.pool.query(
    `update orders set expires_at = clock_timestamp() + interval '300 ms' + ordinality * interval '2 ms'
    from unnest($1::uuid[]) with ordinality as race (id, ordinality) where orders.id = race.id`,
    [orders],
  )
  const startsAt = performance.now() + 300
  let isOver = false
  const sweeping = [app, other.app].map(async (one) => {
    while (!isOver)
      if ((await expireHolds(one)).expired === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  })
  const confirmed = await Promise.all(
    orders.map(async (id, index) => {
      const around = startsAt + 2 * (index + 1) - 150 + Math.random() * 200
      await new Promise((resolve) => setTimeout(resolve, around - performance.now()))
      return codeOf(await confirmOrder([app, other.app][index % 2]!, LOCAL_OPERATOR, { id }))
    }),
  )
  await eventually(async () => ((await findNextExpiry(app)) ?? 1) > 0)
  isOver = true
  await Promise.all(sweeping)
  for (const [index, id] of orders.entries()) {
    const { status, version } = await read(app, id)
    expect([confirmed[index], status]).toEqual(
      confirmed[index] === 'done' ? ['done', 'RESERVED'] : ['HOLD_EXPIRED', 'EXPIRED'],
    )
    expect(version).toBe(3)
  }
  const won = confirmed.filter((code) => code === 'done').length
  expect(await readItem(app, sku)).toMatchObject({ available: BigInt(RACES - won), reserved: BigInt(won) })
  // a race that only one ever wins is none
  expect(won).toBeGreaterThan(20)
  expect(won).toBeLessThan(RACES - 20)
  await other.close()
})

/** Holds of so many lines each that have expired, those first that are named first. */
async function expired(app: App, orders: readonly (readonly string[])[]): Promise<string[]> {
  const ids: string[] = []
  for (const skus of orders) {
    const lines = skus.map((sku) => ({ sku, qty: 1 }))
    const request = { lines, holdSeconds: 3_600, customerId: null, idempotencyKey: null }
    ids.push((await createOrder(app, LOCAL_OPERATOR, request)).order!.id)
  }
  await reserveOrders(app, ids)
  for (const [index, id] of ids.entries()) await expireIn(app, id, index - ids.length)
  return ids
}

test('one that cannot be released holds up no other, is tried again later, and expires once it can', async ({
  app,
}) => {
  const [drifted, sound] = [`HOLD-${++skuCount}`, `HOLD-${++skuCount}`]
  for (const sku of [drifted, sound]) await seed(app).item({ sku, available: 20 })
  const ids = await expired(app, [[sound], [drifted], ...Array.from({ length: 9 }, () => [sound])])
  const drift = (reserved: number) =>
    app.pool.query('update stock_levels set reserved = $2 where sku = $1', [drifted, reserved])
  const statuses = async () => (await Promise.all(ids.map((id) => read(app, id)))).map(({ status }) => status)
  await drift(0)
  const passedOver: PassedOver = new Map()
  expect((await expireHolds(app, passedOver)).expired).toBe(10)
  expect((await statuses()).map((status) => status === 'EXPIRED')).toEqual(ids.map((_, index) => index !== 1))
  expect([...passedOver.keys()]).toEqual([ids[1]])
  // at the head of the next batch it would hold up those behind it again
  await drift(1)
  const [later] = await expired(app, [[sound]])
  expect((await expireHolds(app, passedOver)).expired).toBe(1)
  expect((await read(app, later!)).status).toBe('EXPIRED')
  expect((await read(app, ids[1]!)).status).toBe('RESERVED')
  passedOver.set(ids[1]!, performance.now())
  expect((await expireHolds(app, passedOver)).expired).toBe(1)
  expect(new Set(await statuses())).toEqual(new Set(['EXPIRED']))
  expect(passedOver.size).toBe(0)
  for (const sku of [drifted, sound])
    expect(await readItem(app, sku)).toMatchObject({ available: 20n, reserved: 0n })
})

test('a batch that fails because the database does not keep up is not taken apart', async ({ app }) => {
  const sku = `HOLD-${++skuCount}`
  await seed(app).item({ sku, available: 9 })
  await expired(app, [[sku], [sku]])
  await app.pool.query(`create function too_late() returns trigger language plpgsql as $$
      begin raise 'too late' using errcode = '57014'; end $$;
    create trigger too_late before update on stock_levels
      for each row when (new.sku = '${sku}') execute function too_late()`)
  const passedOver: PassedOver = new Map()
  await expect(expireHolds(app, passedOver)).rejects.toThrow('too late')
  expect(passedOver.size).toBe(0)
  await app.pool.query('drop function too_late cascade')
  expect((await expireHolds(app, passedOver)).expired).toBe(2)
})

test('a transaction takes no more lines than a batch of reservations, however many holds have expired', async ({
  app,
}) => {
  const skus = Array.from({ length: 100 }, () => `HOLD-${++skuCount}`)
  for (const sku of skus) await seed(app).item({ sku, available: 100 })
  const full = RESERVE_BATCH_MAX / skus.length
  const ids = await expired(app, [...Array.from({ length: full + 3 }, () => skus), [skus[0]!]])
  expect(await expireHolds(app)).toEqual({ expired: full, mayBeMore: true })
  expect(await expireHolds(app)).toEqual({ expired: 4, mayBeMore: false })
  for (const id of ids) expect((await read(app, id)).status).toBe('EXPIRED')
})

test('workers release holds within a second, each hold once, and watchers are told', async ({
  app,
  testApp,
}) => {
  const other = await joinTestApp(testApp)
  const { order } = await createOrder(app, LOCAL_OPERATOR, {
    sku: (await held(app)).sku,
    qty: 1,
    holdSeconds: 1,
    customerId: null,
    idempotencyKey: null,
  })
  const watched = (async () => {
    const seen: string[] = []
    for await (const { status } of await app.feed.watch(LOCAL_OPERATOR, order!.id, 0)) seen.push(status)
    return { seen, lateMs: (await databaseTime(app)) - order!.expiresAt!.getTime() }
  })()
  const workers = await Promise.all([testApp, other].map((each) => startTestWorker(each)))
  const { seen, lateMs } = await watched
  expect(seen.at(-1)).toBe('EXPIRED')
  expect(lateMs).toBeLessThan(1_000)
  const SOME = 1_200
  const sku = `MANY-${++skuCount}`
  await seed(app).item({ sku, available: SOME })
  await Promise.all(
    Array.from({ length: SOME }, () =>
      createOrder(app, LOCAL_OPERATOR, {
        sku,
        qty: 1,
        holdSeconds: 3_600,
        customerId: null,
        idempotencyKey: null,
      }),
    ),
  )
  await eventually(async () => (await readItem(app, sku)).reserved === BigInt(SOME))
  await app.pool.query(
    `update orders set expires_at = clock_timestamp() - interval '1 ms' where expires_at is not null and status = 'RESERVED' and id in (select order_id from order_lines where sku = $1)`,
    [sku],
  )
  const startedAt = performance.now()
  await eventually(async () => (await readItem(app, sku)).available === BigInt(SOME))
  expect(performance.now() - startedAt).toBeLessThan(5_000)
  await Promise.all(workers.map((worker) => worker.stop()))
  await other.close()
})
