import { expect } from 'vitest'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import { findSupplierCall } from '../../src/use-cases/supplier/find-supplier-call.ts'
import { settleSupplierOutcomes } from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { dropJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { findJobIds } from './read-state.ts'
import { type How, type Real, run, times } from './real.ts'
import { isOpen, type ModelCall, type ModelJob, type StockModel } from './stock-model.ts'

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
  times(how, () => model.reserve(toReserve))
  times(how, () => model.settle(calls))
  await dropJobs(real.first.pool, { ids: jobIds })
  model.removeJobs(jobs)
}
