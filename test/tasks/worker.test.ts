import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { JOB_ATTEMPTS_MAX } from '../../src/domain/upkeep/jobs.ts'
import { createSupplierClient } from '../../src/supplier/client.ts'
import { createTaskList, RESERVATION_TASKS, SUPPLIER_TASKS } from '../../src/tasks/task-list.ts'
import { createWebhookClient } from '../../src/webhooks/webhook-client.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  SUPPLIER_URL,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { changeJobs, dropJobs, hideTasks, readJobs } from '../support/queue.ts'
import { playSupplier } from '../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

let test_: TestApp
beforeEach(async () => {
  test_ = await createTestApp()
})
afterEach(() => test_.close())

const ended = (id: string) =>
  eventually(async () => {
    const order = await test_.app.prisma.order.findUniqueOrThrow({ where: { id } })
    return (order.status === 'RESERVED' || order.status === 'FAILED') && order
  })

describe('a worker', () => {
  test('takes up the jobs of one that fell silent, and the attempt that it was on is not held against them', async () => {
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    const { pool } = test_.app
    // what a process leaves behind that was killed with the job in hand, on its last attempt
    await pool.query(
      `insert into workers values ('pool-dead', now() - interval '1 minute', now() - interval '1 minute')`,
    )
    await changeJobs(pool, { heldBy: 'pool-dead', attempts: JOB_ATTEMPTS_MAX })
    const worker = await startTestWorker(test_)
    expect(await ended(id)).toMatchObject({ status: 'RESERVED', version: 2 })
    await worker.stop()
  })

  test('takes up the jobs of one that died before it ever said that it lives', async () => {
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    await changeJobs(test_.app.pool, { heldBy: 'pool-unknown', heldForMs: 5_000, attempts: 1 })
    const worker = await startTestWorker(test_)
    expect(await ended(id)).toMatchObject({ status: 'RESERVED' })
    await worker.stop()
  })

  test('leaves the jobs of one that lives alone', async () => {
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    const { pool, prisma } = test_.app
    await pool.query(`insert into workers values ('pool-alive', now(), now() + interval '1 hour')`)
    await changeJobs(pool, { heldBy: 'pool-alive', heldForMs: 60_000 })
    const worker = await startTestWorker(test_)
    const api = await joinTestApp(test_)
    const { id: other } = await seed(api.app).order()
    await ended(other)
    await api.close()
    expect(await prisma.order.findUnique({ where: { id } })).toMatchObject({ status: 'PENDING' })
    await pool.query(`update workers set seen_at = now() - interval '1 minute' where id = 'pool-alive'`)
    await ended(id)
    await worker.stop()
  })

  test('takes up a job that it was given and never got, because the reply was lost', async () => {
    const { pool, prisma } = test_.app
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    await changeJobs(pool, { dueInMs: 3_600_000 })
    const worker = await startTestWorker(test_)
    const { poolIds } = await prisma.worker.findFirstOrThrow()
    // as the lost reply leaves it: held by a worker that lives and knows nothing of it
    await changeJobs(pool, { dueInMs: 0, heldBy: poolIds[0]!, heldForMs: 6_000, attempts: 1 })
    expect(await ended(id)).toMatchObject({ status: 'RESERVED', version: 2 })
    await worker.stop()
  })

  test('gives back what it has not begun, and leaves no trace in the table of workers, when it stops', async () => {
    const worker = await startTestWorker(test_)
    expect(await test_.app.prisma.worker.count()).toBe(1)
    expect(worker.isAlive()).toBe(true)
    await worker.stop()
    expect(await test_.app.prisma.worker.count()).toBe(0)
    expect(worker.isAlive()).toBe(false)
  })

  test('starts again by itself when the database throws all its connections out', async () => {
    const worker = await startTestWorker(test_)
    await seed(test_.app).item({ available: 5 })
    for (let round = 0; round < 3; round++) {
      const { id } = await seed(test_.app).order()
      await test_.app.pool.query(
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
      )
      expect(await ended(id)).toMatchObject({ status: 'RESERVED' })
    }
    await worker.stop()
  })

  test('keeps the attempt of a job that finds the database away, and runs it when that is back', async () => {
    const { pool, prisma } = test_.app
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    await changeJobs(pool, { attemptsMax: 1 })
    const loss = loseDatabase()
    const worker = await startTestWorker(test_)
    await eventually(() => loss.tries() > 3)
    expect(await readJobs(pool)).toMatchObject([{ attempts: 1, error: null, heldBy: expect.any(String) }])
    loss.restore()
    expect(await ended(id)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await prisma.deadLetter.count()).toBe(0)
    await worker.stop()
  })

  test('leaves a job that still waits for the database to another when it stops, with its attempt', async () => {
    const { pool, prisma } = test_.app
    await seed(test_.app).item({ available: 5 })
    const { id } = await seed(test_.app).order()
    await changeJobs(pool, { attemptsMax: 1 })
    const loss = loseDatabase()
    const worker = await startTestWorker(test_)
    await eventually(() => loss.tries() > 1)
    await worker.stop()
    loss.restore()
    const next = await startTestWorker(test_)
    expect(await ended(id)).toMatchObject({ status: 'RESERVED', version: 2 })
    expect(await prisma.deadLetter.count()).toBe(0)
    await next.stop()
  })

  test('takes jobs again after its first look for them has failed', async () => {
    const { pool } = test_.app
    const showTasks = await hideTasks(pool)
    const failed = vi.spyOn(test_.app.logger, 'error')
    const worker = await startTestWorker(test_)
    await eventually(() => failed.mock.calls.length > 0)
    await showTasks()
    await seed(test_.app).item({ available: 5 })
    // of a process that does not work itself
    const api = await joinTestApp(test_)
    const { id } = await seed(api.app).order()
    expect(await ended(id)).toMatchObject({ status: 'RESERVED' })
    await api.close()
    await worker.stop()
  })

  test('ends an order with INTERNAL_ERROR when its job has failed for the last time', async () => {
    const { pool } = test_.app
    await seed(test_.app).item({ available: 5 })
    await pool.query(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not today'; end $$`)
    await pool.query(
      'create trigger refuse before insert on inventory_movements for each row execute function refuse()',
    )
    const { id } = await seed(test_.app).order()
    await changeJobs(pool, { attemptsMax: 2 })
    const worker = await startTestWorker(test_)
    const order = await eventually(async () => {
      const order = await test_.app.prisma.order.findUniqueOrThrow({ where: { id } })
      return order.status === 'FAILED' && order
    })
    expect(order).toMatchObject({ failureReason: 'INTERNAL_ERROR', version: 2 })
    await worker.stop()
  })
})

/** Has the jobs' work find the database away. The worker itself still reaches it. */
function loseDatabase() {
  const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  const submit = vi.spyOn(test_.app.groups.reserveInventory, 'submit').mockRejectedValue(away)
  return { tries: () => submit.mock.calls.length, restore: () => submit.mockRestore() }
}

/** The tasks of an order whose supplier is asked, in their turn. */
const CHAIN = ['reserve-inventory', 'request-supplier', 'check-supplier-status']

describe('each task', () => {
  test.each(CHAIN)('%s, run many times at once and again later, changes nothing twice', async (task) => {
    supplier.follow({})
    await seed(test_.app).item({ available: 0 })
    const { id } = await seed(test_.app).order()
    const { app } = test_
    const tasks = createTaskList(
      { ...RESERVATION_TASKS, ...SUPPLIER_TASKS },
      {
        app,
        supplier: createSupplierClient({ baseUrl: SUPPLIER_URL, timeoutMs: 500 }),
        webhooks: {
          client: createWebhookClient({ mayBePrivate: true }),
          senders: new Map(),
          stopping: new AbortController().signal,
        },
      },
    )
    const helpers = { job: { attempts: 1, max_attempts: 8 } } as never
    for (const identifier of CHAIN) {
      const [job] = await readJobs(app.pool, { task: identifier })
      const { payload, id: jobId } = job!
      const times = identifier === task ? 20 : 1
      const runs = Array.from({ length: times }, () => tasks[identifier]!(payload, helpers))
      await Promise.all(runs)
      if (identifier === task) await tasks[identifier]!(payload, helpers)
      // what graphile-worker does with a job that has run
      await dropJobs(app.pool, { ids: [jobId] })
    }
    const order = await app.prisma.order.findUniqueOrThrow({
      where: { id },
      include: { events: true, movements: true },
    })
    expect(order).toMatchObject({ status: 'RESERVED', version: 3 })
    expect(order.events).toHaveLength(3)
    expect(order.movements).toHaveLength(2)
    // one chain of jobs, and it has ended
    expect(await readJobs(app.pool)).toEqual([])
    expect(new Set(supplier.calls.flatMap((call) => (call.kind === 'reserve' ? [call.key] : [])))).toEqual(
      new Set([id]),
    )
  })

  test('refuses a payload that is none', async () => {
    const tasks = createTaskList({ ...RESERVATION_TASKS, ...SUPPLIER_TASKS }, { app: test_.app } as never)
    for (const task of Object.values(tasks)) {
      await expect(task!({ orderId: "'; drop table orders" }, { job: {} } as never)).rejects.toThrow(
        z.ZodError,
      )
      await expect(task!(null, { job: {} } as never)).rejects.toThrow(z.ZodError)
    }
  })
})
