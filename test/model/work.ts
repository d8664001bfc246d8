import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import type { Queryable } from '../../src/sql/statement.ts'
import { serveOneByOne, serveWaiting } from '../../src/use-cases/orders/serve-waiting.ts'
import { findSupplierCall } from '../../src/use-cases/supplier/find-supplier-call.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { dropJobs, readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { isOpen, type ModelCall, type ModelJob } from './model-data.ts'
import { findJobIds } from './read-state.ts'
import { type How, type Real, run, times, together } from './real.ts'
import { reservePending } from './reserving.ts'
import type { StockModel } from './stock-model.ts'
import { settleCalls } from './supplying.ts'

/** Who serves the queues, and in how many passes. */
export type Serving = 'in turn' | 'one by one' | 'at the same time'

const ROUNDS_MAX = 100

/** Serves those who wait, until nobody fits into what is there. Whatever raised stock has left a job for each queue. */
export async function serveQueues({ first, second }: Real, serving: Serving): Promise<void> {
  const marked = await readMarks(first.pool)
  const jobs = await readJobs(first.pool, { task: 'serve-waiting' })
  expect(jobs.map(({ payload }) => payload.sku).sort()).toEqual(marked)
  if (marked.length === 0) return
  let skus = marked
  for (let round = 1; skus.length > 0; round++) {
    expect(round).toBeLessThan(ROUNDS_MAX)
    await serveOnce(first, second, skus, serving)
    skus = await readMarks(first.pool)
  }
  await dropJobs(first.pool, { task: 'serve-waiting' })
}

async function serveOnce(first: App, second: App, skus: readonly string[], serving: Serving): Promise<void> {
  const job = { task: 'serve-waiting', attempt: 1 } as const
  if (serving === 'at the same time') {
    await together(skus.flatMap((sku) => [first, second].map((app) => serveWaiting(app, { sku }))))
    return
  }
  for (const sku of skus) {
    if (serving === 'in turn') await serveWaiting(first, { sku })
    else await serveOneByOne(second, { sku, job, isTransient: () => false })
  }
}

async function readMarks(on: Queryable): Promise<string[]> {
  const { rows } = await on.query('select sku from serving order by sku')
  return rows.map(({ sku }) => sku)
}

/** Plays the worker: runs jobs, more than once when the first to run them died, and takes them out of the queue. */
export async function work(
  model: StockModel,
  real: Real,
  jobs: ModelJob[],
  outcomes: readonly SupplierOutcome[],
  how: How,
) {
  const toReserve = jobs.filter((job) => job.step === null).flatMap((job) => job.orderIds)
  const calls = jobs.flatMap(({ orderIds, sku, step }, index): ModelCall[] => {
    if (step === null) return []
    return [{ orderId: orderIds[0]!, sku: sku!, step, outcome: outcomes[index % outcomes.length]! }]
  })
  const jobIds = await findJobIds(real.first.pool, jobs)
  for (const { orderId, sku, step } of calls) {
    const request = model.request(orderId, sku)!
    const found = await findSupplierCall(real.first, { orderId, sku, step })
    expect(found?.orderId).toBe(isOpen(request) && request.step === step ? orderId : undefined)
  }
  if (toReserve.length > 0) await run(real, how, (app) => reserveOrders(app, toReserve))
  if (calls.length > 0) await run(real, how, (app) => settleSupplierOutcomes(app, calls))
  times(how, () => reservePending(model, toReserve))
  times(how, () => settleCalls(model, calls))
  await dropJobs(real.first.pool, { ids: jobIds })
  model.removeJobs(jobs)
}
