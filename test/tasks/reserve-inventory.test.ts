import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Order } from '../../src/domain/orders/order.ts'
import { createTaskList, RESERVATION_TASKS } from '../../src/tasks/task-list.ts'
import { RESCUE_LIMITS, rescueJobs } from '../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { breakReservations } from '../support/break-reservations.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { changeJobs, dropJobs, type QueuedJob, readJobs, untilNoJobs } from '../support/queue.ts'

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 1_000 })
})
afterEach(() => test_.close())

/** Orders of one commit, each of one piece: they share a job. */
async function placeTogether(skus: readonly string[]): Promise<Order[]> {
  return Promise.all(skus.map((sku) => seed(test_.app).order({ sku })))
}

const some = (count: number, sku = 'A') => Array<string>(count).fill(sku)
const idsOf = (orders: readonly Order[]) => orders.map(({ id }) => id)

const find = (ids: readonly string[]) =>
  test_.app.prisma.order.findMany({
    where: { id: { in: [...ids] } },
    include: { lines: true, movements: true, events: true, deadLetters: true },
    orderBy: { id: 'asc' },
  })

const untilReserved = (ids: readonly string[]) =>
  eventually(
    async () =>
      (await test_.app.prisma.order.count({ where: { id: { in: [...ids] }, status: 'RESERVED' } })) ===
      ids.length,
  )

/** Runs a job by hand, as graphile-worker would at its first try. */
function run({ app }: TestApp, { payload, deaths, attemptsMax }: QueuedJob): Promise<unknown> {
  const task = createTaskList(RESERVATION_TASKS, { app } as never)['reserve-inventory']!
  const job = { attempts: 1, max_attempts: attemptsMax, flags: deaths === null ? null : { deaths } }
  return Promise.resolve(task(payload, { job } as never))
}

describe('the orders of a commit', () => {
  test('share one job, in the order in which they were created', async () => {
    const orders = await placeTogether(some(20))
    const jobs = await readJobs(test_.app.pool)
    expect(jobs).toMatchObject([{ task: 'reserve-inventory', attempts: 0, attemptsMax: 8, delayMs: 0 }])
    expect(jobs[0]!.payload).toEqual({
      orders: orders.map(({ id }) => ({ orderId: id, origin: { caller: 'anonymous' } })),
    })
    const worker = await startTestWorker(test_)
    await untilReserved(idsOf(orders))
    await untilNoJobs(test_.app.pool)
    await worker.stop()
  })

  test('are in the job that were created: none of an unknown SKU, and without any there is no job', async () => {
    const results = await Promise.allSettled([
      seed(test_.app).order({ sku: 'NOPE' }),
      seed(test_.app).order({ sku: 'A' }),
      seed(test_.app).order({ sku: 'NOPE' }),
    ])
    const created = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.id] : []))
    expect(created).toHaveLength(1)
    expect(await readJobs(test_.app.pool)).toMatchObject([{ orderIds: created }])
    await dropJobs(test_.app.pool)
    await expect(seed(test_.app).order({ sku: 'NOPE' })).rejects.toThrow('UNKNOWN_SKU')
    expect(await readJobs(test_.app.pool)).toEqual([])
    await loseNothing(created)
  })

  test('take their turn in the order of creation, across the jobs that share a transaction', async () => {
    await seed(test_.app).item({ sku: 'SCARCE', available: 7 })
    const ids: string[] = []
    for (let commit = 0; commit < 3; commit++) {
      ids.push(...idsOf(await placeTogether([...some(4, 'SCARCE'), 'A'])))
    }
    const jobs = await readJobs(test_.app.pool)
    expect(jobs.map(({ orderIds }) => orderIds.length)).toEqual([5, 5, 5])
    const onTransaction = vi.spyOn(test_.app, 'onTransaction')
    await Promise.all(jobs.toReversed().map((job) => run(test_, job)))
    expect(onTransaction.mock.calls.map(([{ name }]) => name)).toEqual(['reserve-inventory'])
    const scarce = (await find(ids)).filter(({ lines }) => lines[0]!.sku === 'SCARCE')
    expect(scarce.map(({ status }) => status)).toEqual([
      ...Array(7).fill('RESERVED'),
      ...Array(5).fill('AWAITING_RESTOCK'),
    ])
  })
})

/** Orders whose jobs a test has dropped get them back. */
async function loseNothing(ids: readonly string[]): Promise<void> {
  expect(await sweep(test_.app)).toMatchObject({ requeued: ids })
}

describe('an order that cannot be reserved', () => {
  test('fails alone among 300 of one job, after tries of its own', async () => {
    const { app } = test_
    const warn = vi.spyOn(app.logger, 'warn')
    await seed(app).item({ sku: 'POISON', available: 5 })
    const mend = await breakReservations(app, 'POISON')
    const orders = await placeTogether([...some(150), 'POISON', ...some(149)])
    const poison = orders[150]!.id
    const others = idsOf(orders).filter((id) => id !== poison)
    expect(await readJobs(app.pool)).toMatchObject([{ orderIds: idsOf(orders) }])

    const worker = await startTestWorker(test_)
    await untilReserved(others)
    expect(warn.mock.calls.filter(([, message]) => message?.includes('job split'))).toHaveLength(1)
    const job = await eventually(async () => {
      const [first, ...others] = await readJobs(app.pool)
      return others.length === 0 && first?.attempts === 1 && first.error !== null && first
    })
    // the tries that the others' job had count for nothing
    expect(job).toMatchObject({ orderIds: [poison], attempts: 1, attemptsMax: 8, heldBy: null })
    expect(job).toMatchObject({ error: expect.stringContaining('broken'), dueInMs: expect.any(Number) })
    expect(await find([poison])).toMatchObject([{ status: 'PENDING', version: 1, deadLetters: [] }])

    await changeJobs(app.pool, { attemptsMax: 2, dueInMs: 0 })
    await untilNoJobs(app.pool)
    await worker.stop()
    expect(await find([poison])).toMatchObject([
      { status: 'FAILED', failureReason: 'INTERNAL_ERROR', version: 2, movements: [] },
    ])
    expect(await app.prisma.deadLetter.findMany()).toMatchObject([
      {
        orderId: poison,
        task: 'reserve-inventory',
        payload: { orderId: poison, origin: { caller: 'anonymous' } },
        error: expect.stringContaining('broken'),
        attempts: 2,
      },
    ])
    for (const order of await find(others)) {
      expect(order).toMatchObject({ status: 'RESERVED', version: 2 })
      expect(order.movements).toHaveLength(1)
    }
    await mend()
  })

  test('splits its own job, and not those that share its transaction', async () => {
    const { app } = test_
    await seed(app).item({ sku: 'POISON', available: 5 })
    await breakReservations(app, 'POISON')
    const healthy = idsOf(await placeTogether(some(3)))
    const poisoned = idsOf(await placeTogether(['A', 'POISON', 'A']))
    const onTransaction = vi.spyOn(app, 'onTransaction')
    const jobs = await readJobs(app.pool)
    await Promise.all(jobs.map((job) => run(test_, job)))
    await dropJobs(app.pool, { ids: jobs.map(({ id }) => id) })
    const split = onTransaction.mock.calls.filter(([{ name }]) => name === 'split-reservation')
    expect(split).toHaveLength(1)
    expect((await readJobs(app.pool)).map(({ orderIds }) => orderIds)).toEqual(poisoned.map((id) => [id]))
    expect((await find(healthy)).map(({ status }) => status)).toEqual(['RESERVED', 'RESERVED', 'RESERVED'])
  })
})

describe('a job of several orders whose worker died', () => {
  /** A worker dies with a job in hand, and is found out. */
  async function dieWith(ids: readonly string[]): Promise<void> {
    const { pool } = test_.app
    await pool.query(`insert into workers values ('pool-dead', now(), now() - interval '1 minute')`)
    await changeJobs(pool, { heldBy: 'pool-dead', attempts: 1 }, { ids })
    expect(await rescueJobs(test_.app, { alsoUnknown: false })).toBe(ids.length)
  }

  test('once, is reserved whole', async () => {
    const orders = await placeTogether(some(4))
    const [job] = await readJobs(test_.app.pool)
    await dieWith([job!.id])
    const onTransaction = vi.spyOn(test_.app, 'onTransaction')
    const worker = await startTestWorker(test_)
    await untilReserved(idsOf(orders))
    await untilNoJobs(test_.app.pool)
    await worker.stop()
    const names = onTransaction.mock.calls.map(([{ name }]) => name)
    expect(names.filter((name) => name === 'reserve-inventory')).toHaveLength(1)
    expect(names).not.toContain('split-reservation')
  })

  test('twice, is split, and the order alone is given up that kills each worker', async () => {
    const { app } = test_
    const [killer, ...others] = idsOf(await placeTogether(some(5)))
    const [shared] = await readJobs(app.pool)
    await dieWith([shared!.id])
    await dieWith([shared!.id])
    const [twice] = await readJobs(app.pool)
    expect(twice).toMatchObject({ deaths: 2, attempts: 0 })
    const submit = vi.spyOn(app.groups.reserveInventory, 'submit')
    await run(test_, twice!)
    // before anything is tried: the next try would be the next death
    expect(submit).not.toHaveBeenCalled()
    await dropJobs(app.pool, { ids: [shared!.id] })
    const split = await readJobs(app.pool)
    expect(split.map(({ orderIds, deaths }) => ({ orderIds, deaths }))).toEqual(
      [killer, ...others].map((id) => ({ orderIds: [id], deaths: null })),
    )

    const [guilty] = split
    for (let death = 1; death <= RESCUE_LIMITS.deathsMax; death++) await dieWith([guilty!.id])
    expect(await sweep(app)).toMatchObject({ requeued: [], buried: [killer] })
    const worker = await startTestWorker(test_)
    await untilReserved(others)
    await worker.stop()
    expect(await find([killer!])).toMatchObject([
      {
        status: 'FAILED',
        deadLetters: [{ error: 'Its worker died 20 times', attempts: 20, payload: { orderId: killer } }],
      },
    ])
    expect(await app.prisma.deadLetter.count()).toBe(1)
  })
})

/** Has each reservation fail with an SQLSTATE, until what it gives is called. */
async function failWith(sqlstate: string): Promise<() => Promise<unknown>> {
  const { pool } = test_.app
  await pool.query(`
    create function collide() returns trigger language plpgsql as
      $$ begin raise exception 'in the way' using errcode = '${sqlstate}'; end $$;
    create trigger collide before insert on inventory_movements for each row
      when (new.type = 'RESERVATION') execute function collide()`)
  return () => pool.query('drop trigger collide on inventory_movements; drop function collide')
}

describe('a job of several orders that meets', () => {
  async function expectTriedWhole(sqlstate: string) {
    const { app } = test_
    const ids = idsOf(await placeTogether(some(6)))
    const mend = await failWith(sqlstate)
    const worker = await startTestWorker(test_)
    try {
      await eventually(async () => {
        const jobs = await readJobs(app.pool, { isHeld: false })
        return jobs.some(({ error, orderIds }) => error !== null || orderIds.length === 1)
      })
      await mend()
      expect(await readJobs(app.pool)).toMatchObject([
        { orderIds: ids, attempts: 1, error: expect.stringContaining('in the way') },
      ])
      await changeJobs(app.pool, { dueInMs: 0 })
      await untilReserved(ids)
      await untilNoJobs(app.pool)
    } finally {
      await worker.stop()
    }
    expect((await find(ids)).every(({ version }) => version === 2)).toBe(true)
    expect(await app.prisma.deadLetter.count()).toBe(0)
  }

  test.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
  ])('%s is tried again whole', (_, sqlstate) => expectTriedWhole(sqlstate))

  // a lock that was held for as long as a statement may take says nothing of the orders
  test('a statement that took too long is tried again whole', () => expectTriedWhole('57014'))

  test('a deadlock on its last try is split: none of its orders is to blame for it', async () => {
    const { app } = test_
    const ids = idsOf(await placeTogether(some(3)))
    await changeJobs(app.pool, { attemptsMax: 1 })
    const mend = await failWith('40P01')
    const [job] = await readJobs(app.pool)
    await run(test_, job!)
    await mend()
    await dropJobs(app.pool, { ids: [job!.id] })
    const jobs = await readJobs(app.pool)
    expect(jobs.map(({ orderIds, attemptsMax }) => [orderIds, attemptsMax])).toEqual(
      ids.map((id) => [[id], 8]),
    )
    expect((await find(ids)).map(({ status }) => status)).toEqual(['PENDING', 'PENDING', 'PENDING'])
  })

  test('a database that is away keeps its attempt, stays whole, and is done when that is back', async () => {
    const { app } = test_
    const ids = idsOf(await placeTogether(some(6)))
    await changeJobs(app.pool, { attemptsMax: 1 })
    const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
    const submit = vi.spyOn(app.groups.reserveInventory, 'submit').mockRejectedValue(away)
    const worker = await startTestWorker(test_)
    await eventually(() => submit.mock.calls.length > 2)
    expect(await readJobs(app.pool)).toMatchObject([
      { orderIds: ids, attempts: 1, error: null, heldBy: expect.any(String) },
    ])
    submit.mockRestore()
    await untilReserved(ids)
    await untilNoJobs(app.pool)
    await worker.stop()
    expect(await app.prisma.deadLetter.count()).toBe(0)
  })
})

test('a job of several orders that two workers run many times at once, and again, changes nothing twice', async () => {
  const other = await joinTestApp(test_)
  await seed(test_.app).item({ sku: 'SCARCE' })
  const ids = idsOf(await placeTogether([...some(10), ...some(2, 'SCARCE')]))
  const [job] = await readJobs(test_.app.pool)
  await Promise.all(Array.from({ length: 20 }, (_, turn) => run(turn % 2 === 0 ? test_ : other, job!)))
  await run(other, job!)
  const orders = await find(ids)
  for (const order of orders) {
    const isShort = order.lines[0]!.sku === 'SCARCE'
    expect(order).toMatchObject({ status: isShort ? 'AWAITING_RESTOCK' : 'RESERVED', version: 2 })
    expect(order.events).toHaveLength(2)
    expect(order.movements).toHaveLength(isShort ? 0 : 1)
  }
  await dropJobs(test_.app.pool, { ids: [job!.id] })
  // one next job for each that needs one
  expect((await readJobs(test_.app.pool)).map(({ orderIds }) => orderIds).sort()).toEqual(
    orders.filter(({ lines }) => lines[0]!.sku === 'SCARCE').map(({ id }) => [id]),
  )
  await other.close()
})
