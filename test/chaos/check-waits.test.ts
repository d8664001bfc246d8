import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkWaits } from '../../chaos/check-waits.ts'
import { Findings } from '../../chaos/findings.ts'
import { createTestApp, seed, type TestApp } from '../support/harness.ts'
import { changeJobs, type JobFilter, readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

let testApp: TestApp
beforeAll(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item()
  const orders = await Promise.all([1, 2, 3].map(() => seed(testApp.app).order()))
  await reserveOrders(testApp.app, [orders[0]!.id])
  // all three share the job that reserves them
  expect(await readJobs(testApp.app.pool, RESERVATION_JOB)).toMatchObject([
    { orderIds: orders.map(({ id }) => id) },
  ])
})
afterAll(() => testApp.close())

const SUPPLIER_JOB = { task: 'request-supplier' }
const RESERVATION_JOB = { task: 'reserve-inventory' }

/** Whether it is wrong that a job waits for so long. */
async function isWrong(job: JobFilter, seconds: number, { deaths = 0, supplierAttempts = 0 } = {}) {
  const { pool } = testApp.app
  const findings = new Findings()
  await changeJobs(pool, { dueInMs: 0, deaths: null })
  await changeJobs(pool, { dueInMs: seconds * 1_000, deaths }, job)
  await pool.query('update supplier_requests set attempts = $1', [supplierAttempts])
  const query = async (text: string) => (await pool.query(text)).rows
  const waitMs = await checkWaits({ query } as Parameters<typeof checkWaits>[0], findings)
  expect(waitMs).toBeLessThanOrEqual(seconds * 1_000)
  return findings.violationCount > 0
}

test.each([
  ['a call to the supplier before its next check', SUPPLIER_JOB, 0.3, 5, {}],
  ['a call to the supplier after its 5th try', SUPPLIER_JOB, 10.8, 15, { supplierAttempts: 5 }],
  ['a call to the supplier after its 15th try', SUPPLIER_JOB, 70, 75, { supplierAttempts: 15 }],
  ['a reservation', RESERVATION_JOB, 2, 5, { supplierAttempts: 15 }],
  ['a job whose workers died 3 times', RESERVATION_JOB, 0.5, 5, { deaths: 3 }],
  ['a job whose workers died 4 times', RESERVATION_JOB, 5, 10, { deaths: 4 }],
  ['a job whose workers died 12 times', RESERVATION_JOB, 120, 125, { deaths: 12 }],
])('%s waits as long as it should, and no longer', async (_, job, right, wrong, options) => {
  expect(await isWrong(job, right, options)).toBe(false)
  expect(await isWrong(job, wrong, options)).toBe(true)
})
