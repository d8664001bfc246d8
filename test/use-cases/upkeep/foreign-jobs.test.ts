import { afterAll, beforeAll, expect, test } from 'vitest'
import { rescueJobs } from '../../../src/use-cases/upkeep/rescue-jobs.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'

// other programs may have their jobs in the same graphile_worker schema

let test_: TestApp
beforeAll(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 100 })
})
afterAll(() => test_.close())

const TASK = 'send-newsletter'
const query = async (text: string, values: unknown[] = []) => (await test_.app.pool.query(text, values)).rows

/** Another program's jobs: one that waits, one that its worker is at, one that is dead, one of a worker that Holdfast has lost. */
async function addForeignJobs(): Promise<void> {
  for (const name of ['waits', 'held', 'dead', 'lost']) {
    await query('select graphile_worker.add_job($1, $2, max_attempts => 3)', [TASK, { name }])
  }
  const change = (name: string, changes: string) =>
    query(`update graphile_worker._private_jobs set ${changes} where payload ->> 'name' = $1`, [name])
  await change('held', `locked_at = now() - interval '1 hour', locked_by = 'their-worker', attempts = 1`)
  await change('dead', `attempts = 3, last_error = 'theirs'`)
  await change('lost', `locked_at = now() - interval '1 hour', locked_by = 'silent', attempts = 1`)
}

const readForeignJobs = () =>
  query(
    `select jobs.* from graphile_worker._private_jobs as jobs
    join graphile_worker._private_tasks as tasks on tasks.id = task_id where identifier = $1 order by jobs.id`,
    [TASK],
  )

test('jobs of other programs are left as they are: held, dead, and of a worker that nobody knows', async () => {
  await addForeignJobs()
  await query(`insert into workers values ('silent', now(), now() - interval '1 hour')`)
  const { id } = await seed(test_.app).order({ sku: 'A' })
  await query(
    `update graphile_worker._private_jobs set locked_at = now() - interval '1 hour', locked_by = 'their-worker'
    where payload::text like '%' || $1 || '%'`,
    [id],
  )
  const before = await readForeignJobs()
  expect(before).toHaveLength(4)
  // of ours one is held by a worker that never said a word
  expect(await rescueJobs(test_.app, { alsoUnknown: true })).toBe(1)
  expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [], setAside: [], failures: [] })
  expect(await readForeignJobs()).toEqual(before)
})

test('a worker runs its own jobs, and fetches none of another program', async () => {
  const before = await readForeignJobs()
  const worker = await startTestWorker(test_)
  const { id } = await seed(test_.app).order({ sku: 'A' })
  await eventually(
    async () =>
      (await test_.app.prisma.order.findUniqueOrThrow({ where: { id } })).status === 'RESERVED' || undefined,
  )
  await worker.stop()
  expect(await readForeignJobs()).toEqual(before)
})
