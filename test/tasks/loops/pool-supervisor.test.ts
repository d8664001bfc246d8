import { setTimeout as sleep } from 'node:timers/promises'
import { expect, vi } from 'vitest'
import { createSupplierClient } from '../../../src/supplier/client.ts'
import { PoolSupervisor, RESTART_DELAY_MS } from '../../../src/tasks/loops/pool-supervisor.ts'
import type * as taskRunner from '../../../src/tasks/task-runner.ts'
import { retireWorker } from '../../../src/use-cases/upkeep/rescue-jobs.ts'
import { createWebhookClient } from '../../../src/webhooks/webhook-client.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, seed, type TestApp } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'

// Without a worker's other loops: nothing else releases jobs here.

/** Before a runner starts: with how many its pool has started. */
let beforeStart: (started: number) => Promise<void> = async () => {}
vi.mock(import('../../../src/use-cases/upkeep/rescue-jobs.ts'), { spy: true })
vi.mock(import('../../../src/tasks/task-runner.ts'), async (original) => {
  const { startTaskRunner } = await original()
  const started = new WeakMap<object, number>()
  return {
    startTaskRunner: async (options: taskRunner.TaskRunnerOptions) => {
      const count = started.get(options.connections) ?? 0
      await beforeStart(count)
      started.set(options.connections, count + 1)
      return startTaskRunner(options)
    },
  }
})

test.beforeEach(async ({ app }) => {
  beforeStart = async () => {}
  vi.mocked(retireWorker).mockClear()
  await seed(app).item({ sku: 'A', available: 1_000 })
})

function supervise({ app, databaseUrl }: TestApp) {
  const stopping = new AbortController()
  const pools = new PoolSupervisor({
    app,
    databaseUrl,
    supplier: createSupplierClient({ baseUrl: 'http://supplier.test', timeoutMs: 500 }),
    webhookClient: createWebhookClient({ mayBePrivate: true }),
    concurrency: 10,
    onLoss: () => {},
    signal: stopping.signal,
  })
  return {
    pools,
    stop: async () => {
      stopping.abort()
      await pools.stop()
    },
  }
}

test('a pool whose second runner cannot start leaves none of the jobs held that its first has fetched', async ({
  app,
  testApp,
}) => {
  vi.spyOn(app.groups.reserveInventory, 'submit').mockReturnValue(new Promise(() => {}))
  await seed(app).order({ sku: 'A' })
  const readHeld = () => readJobs(app.pool, { isHeld: true })
  beforeStart = async (started) => {
    if (started === 0) return
    await eventually(async () => (await readHeld()).length === 1)
    throw new Error('the database is away')
  }
  const { pools, stop } = supervise(testApp)
  await expect(pools.start()).rejects.toThrow('the database is away')
  await eventually(async () => (await readHeld()).length === 0)
  await stop()
})

test('a pool without a runner, as there are many in an outage, asks nothing of the database when it ends', async ({
  testApp,
}) => {
  const { pools, stop } = supervise(testApp)
  beforeStart = () => Promise.reject(new Error('the database is away'))
  await expect(pools.start()).rejects.toThrow('the database is away')
  // it ends that long afterwards
  await sleep(RESTART_DELAY_MS + 500)
  expect(retireWorker).not.toHaveBeenCalled()
  await stop()
})

test('a pool that has lost a connection fetches nothing more', async ({ app, testApp }) => {
  const { pools, stop } = supervise(testApp)
  await pools.start()
  const { ended } = pools.current!
  // one of several: the others would still do
  await app.pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'holdfast-worker' limit 1`,
  )
  await ended
  await seed(app).order({ sku: 'A' })
  // five of its polls
  await sleep(500)
  expect((await readJobs(app.pool)).map(({ heldBy }) => heldBy)).toEqual([null])
  await stop()
})
