import { expect } from 'vitest'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import {
  findOrderForSupplierCall,
  settleSupplierOutcomes,
} from '../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { dropJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { isAwaiting } from './inputs.ts'
import { findJobIds } from './read-state.ts'
import { type How, type Real, run, times } from './real.ts'
import type { ModelCall, ModelJob, StockModel } from './stock-model.ts'

/** Plays the worker: runs jobs, more than once when the first to run them died, and takes them out of the queue. */
export async function work(
  model: StockModel,
  real: Real,
  jobs: ModelJob[],
  outcomes: readonly SupplierOutcome[],
  how: How,
) {
  const toReserve = jobs.filter((job) => job.step === null).flatMap((job) => job.orderIds)
  const calls = jobs.flatMap(({ orderIds, step }, index): ModelCall[] =>
    step === null ? [] : [{ orderId: orderIds[0]!, step, outcome: outcomes[index % outcomes.length]! }],
  )
  const jobIds = await findJobIds(real.first.pool, jobs)
  for (const { orderId, step } of calls) {
    const order = model.find(orderId)!
    const found = await findOrderForSupplierCall(real.first, orderId, step)
    expect(found?.id).toBe(isAwaiting(order) && order.step === step ? orderId : undefined)
  }
  if (toReserve.length > 0) await run(real, how, (app) => reserveOrders(app, toReserve))
  if (calls.length > 0) await run(real, how, (app) => settleSupplierOutcomes(app, calls))
  times(how, () => model.reserve(toReserve))
  times(how, () => model.settle(calls))
  await dropJobs(real.first.pool, { ids: jobIds })
  model.removeJobs(jobs)
}
