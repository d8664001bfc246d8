import { expect } from 'vitest'
import type { App } from '../../../src/app.ts'
import { rescueJobs } from '../../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, seed, startTestWorker } from '../../support/harness.ts'

// other programs may have their jobs in the same graphile_worker schema

test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 100 })
})

const TASK = 'send-newsletter'
const query = async (app: App, text: string, values: unknown[] = []) =>
  (await app.pool.query(text, values)).rows

/** Another program's jobs: one that waits, one that its worker is at, one that is dead, one of a worker that Holdfast has lost. */
async function addForeignJobs(app: App): Promise<void> {
  for (const name of ['waits', 'held', 'dead', 'lost']) {
    await query(app, 'select graphile_worker.add_job($1, $2, max_attempts => 3)', [TASK, { name }])
  }
  const change = (name: string, changes: string) =>
    query(app, `update graphile_worker._private_jobs set ${changes} where payload ->> 'name' = $1`, [name])
  await change('held', `locked_at = now() - interval '1 hour', locked_by = 'their-worker', attempts = 1`)
  await change('dead', `attempts = 3, last_error = 'theirs'`)
  await change('lost', `locked_at = now() - interval '1 hour', locked_by = 'silent', attempts = 1`)
}

const readForeignJobs = (app: App) =>
  query(
    app,
    `select jobs.* from graphile_worker._private_jobs as jobs
    join graphile_worker._private_tasks as tasks on tasks.id = task_id where identifier = $1 order by jobs.id`,
    [TASK],
  )

test('jobs of other programs are left as they are: held, dead, and of a worker that nobody knows', async ({
  app,
}) => {
  await addForeignJobs(app)
  await query(app, `insert into workers values ('silent', now(), now() - interval '1 hour')`)
  const { id } = await seed(app).order({ sku: 'A' })
  await query(
    app,
    `update graphile_worker._private_jobs set locked_at = now() - interval '1 hour', locked_by = 'their-worker'
    where payload::text like '%' || $1 || '%'`,
    [id],
  )
  const before = await readForeignJobs(app)
  expect(before).toHaveLength(4)
  // of ours one is held by a worker that never said a word
  expect(await rescueJobs(app, { alsoUnknown: true })).toBe(1)
  expect(await sweep(app)).toMatchObject({ requeued: [], buried: [], setAside: [], failures: [] })
  expect(await readForeignJobs(app)).toEqual(before)
})

test('a worker runs its own jobs, and fetches none of another program', async ({ app, testApp }) => {
  const before = await readForeignJobs(app)
  const worker = await startTestWorker(testApp)
  const { id } = await seed(app).order({ sku: 'A' })
  await eventually(
    async () =>
      (await app.prisma.order.findUniqueOrThrow({ where: { id } })).status === 'RESERVED' || undefined,
  )
  await worker.stop()
  expect(await readForeignJobs(app)).toEqual(before)
})
