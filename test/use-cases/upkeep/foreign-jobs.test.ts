import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { rescueJobs } from '../../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, seed, startTestWorker } from '../../support/harness.ts'
import { addJob, changeJobs, readRows } from '../../support/queue.ts'

// other programs may have their jobs in the same graphile_worker schema

test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 100 })
})

const TASK = 'send-newsletter'
const HOUR_MS = 3_600_000

/** Another program's jobs: one that waits, one that its worker is at, one that is dead, one of a worker that Holdfast has lost. */
async function addForeignJobs({ pool }: App): Promise<void> {
  const add = (name: string) => addJob(pool, TASK, { name }, 3)
  await add('waits')
  const held = { heldForMs: HOUR_MS, attempts: 1 }
  await changeJobs(pool, { ...held, heldBy: 'their-worker' }, { ids: [await add('held')] })
  await changeJobs(pool, { attempts: 3, error: 'theirs' }, { ids: [await add('dead')] })
  await changeJobs(pool, { ...held, heldBy: 'silent' }, { ids: [await add('lost')] })
}

test('jobs of other programs are left as they are: held, dead, and of a worker that nobody knows', async ({
  app,
}) => {
  await addForeignJobs(app)
  await app.pool.query(`insert into workers values ('silent', now(), now() - interval '1 hour')`)
  const { id } = await seed(app).order({ sku: 'A' })
  await changeJobs(app.pool, { heldBy: 'their-worker', heldForMs: HOUR_MS }, { orderIds: [id] })
  const before = await readRows(app.pool, TASK)
  expect(before).toHaveLength(4)
  // of ours one is held by a worker that never said a word
  expect(await rescueJobs(app, { alsoUnknown: true })).toBe(1)
  expect(await sweep(app)).toMatchObject({ requeued: [], buried: [], setAside: [], failures: [] })
  expect(await readRows(app.pool, TASK)).toEqual(before)
})

test('a worker runs its own jobs, and fetches none of another program', async ({ app, testApp }) => {
  const before = await readRows(app.pool, TASK)
  const worker = await startTestWorker(testApp)
  const { id } = await seed(app).order({ sku: 'A' })
  await eventually(
    async () =>
      (await app.prisma.order.findUniqueOrThrow({ where: { id } })).status === 'RESERVED' || undefined,
  )
  await worker.stop()
  expect(await readRows(app.pool, TASK)).toEqual(before)
})
