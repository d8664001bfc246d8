import { expect, vi } from 'vitest'
import type * as status from '../../src/domain/upkeep/service-status.ts'
import { sharedTest as it } from '../support/fixtures.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { addJob, changeJobs, readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

/** So few, so that a test can have more. */
const JOBS_MAX = vi.hoisted(() => 20)

vi.mock(import('../../src/domain/upkeep/service-status.ts'), async (importOriginal) => ({
  ...(await importOriginal()),
  COUNTED_MAX: JOBS_MAX as typeof status.COUNTED_MAX,
}))

const JOBS = `query ($id: ID!) {
  order(id: $id) { jobs { id task runAt attempts attemptsMax error heldSince traceId } }
}`

it('shows what is to be done for an order, of several orders too, and nothing of others', async ({
  server,
}) => {
  const { app } = server
  await seed(app).item({ sku: 'BOLT', available: 1 })
  const trace = 'c'.repeat(32)
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', traceparent: `00-${trace}-${'d'.repeat(16)}-01` },
    body: JSON.stringify({
      query: `mutation {
        a: createOrder(input: { sku: "BOLT", qty: 2 }) { order { id } }
        b: createOrder(input: { sku: "BOLT", qty: 1 }) { order { id } }
      }`,
    }),
  })
  const { data } = await response.json()
  const [a, b] = [data.a.order.id, data.b.order.id]
  const jobsOf = async (id: string) => (await execute(server, JOBS, { id })).data.order.jobs
  const [reservation] = await readJobs(app.pool, { orderIds: [a] })
  const expected = {
    id: reservation!.id,
    task: 'reserve-inventory',
    runAt: expect.any(String),
    attempts: 0,
    attemptsMax: 8,
    error: null,
    heldSince: null,
    traceId: trace,
  }
  expect(await jobsOf(a)).toEqual([expected])

  await changeJobs(app.pool, { attempts: 3, error: 'no disk', heldBy: 'pool-x' }, { orderIds: [a] })
  expect(await jobsOf(a)).toEqual([
    { ...expected, attempts: 3, error: 'no disk', heldSince: expect.any(String) },
  ])

  // short: a supplier is asked
  await reserveOrders(app, [a])
  const tasks = (await jobsOf(a)).map(({ task }: { task: string }) => task)
  expect(tasks).toEqual(['reserve-inventory', 'request-supplier'])
  expect((await jobsOf(b)).map(({ task }: { task: string }) => task)).toEqual(['reserve-inventory'])
})

it('says that it cannot tell while the queue is too long to be searched', async ({ server }) => {
  const { app } = server
  await seed(app).item({ sku: 'NUT', available: 1 })
  const { id } = await seed(app).order({ sku: 'NUT' })
  for (let count = (await readJobs(app.pool)).length; count <= JOBS_MAX; count++) {
    await addJob(app.pool, 'reserve-inventory', { orders: [] })
  }
  const { data, errors } = await execute(server, JOBS, { id })
  expect([data, errors]).toEqual([{ order: { jobs: null } }, undefined])
})
