import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { defineTask } from '../../src/tasks/define-task.ts'
import { reservationPayload } from '../../src/use-cases/job-payloads.ts'
import { test } from '../support/fixtures.ts'
import { eventually, seed } from '../support/harness.ts'

const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const bug = new Error('a bug')

let order: Order
test.beforeEach(async ({ app }) => {
  await seed(app).item({ sku: 'A' })
  order = await seed(app).order({ sku: 'A' })
})

/** Runs a job of the order, on its last attempt, whose work is `work`; a stop is told by `signal`. */
async function runLastAttempt(app: App, work: () => Promise<void>, signal?: AbortSignal) {
  const task = defineTask('reserve-inventory', reservationPayload, work)({ app } as never)
  const job = { id: '1', task_identifier: 'reserve-inventory', attempts: 8, max_attempts: 8 }
  await task({ orderId: order.id }, { job, abortSignal: signal } as never)
}

describe('a run of a job is told of', () => {
  test('as given up, with what it threw, when its order was ended for it', async ({ app }) => {
    const onJobRun = vi.spyOn(app, 'onJobRun')
    await runLastAttempt(app, () => Promise.reject(bug))
    expect(onJobRun.mock.calls).toMatchObject([
      [
        {
          task: 'reserve-inventory',
          outcome: 'given-up',
          attempt: 8,
          orders: [{ orderId: order.id }],
          error: bug,
        },
      ],
    ])
  })

  test('as failed while its order could not be ended', async ({ app }) => {
    const onJobRun = vi.spyOn(app, 'onJobRun')
    const refusal = new Error('not today')
    vi.spyOn(app.pool, 'connect').mockRejectedValueOnce(refusal as never)
    await expect(runLastAttempt(app, () => Promise.reject(bug))).rejects.toBe(refusal)
    expect(onJobRun.mock.calls).toMatchObject([[{ outcome: 'failed', error: refusal }]])
  })

  test('by its last try alone, where one before found the database away', async ({ app }) => {
    const onJobRun = vi.spyOn(app, 'onJobRun')
    const connect = vi.spyOn(app.pool, 'connect').mockRejectedValueOnce(away as never)
    const work = vi.fn(async () => {})
    // on the first try it fails, and then its order cannot be ended
    work.mockRejectedValueOnce(bug)
    await runLastAttempt(app, work)
    expect(connect).toHaveBeenCalledOnce()
    expect(work).toHaveBeenCalledTimes(2)
    expect(onJobRun.mock.calls).toEqual([[expect.objectContaining({ outcome: 'done' })]])
    expect(onJobRun.mock.calls[0]![0].error).toBeUndefined()
  })

  test('not at all where a stop leaves it to somebody else', async ({ app }) => {
    const onJobRun = vi.spyOn(app, 'onJobRun')
    const stop = new AbortController()
    const settled = vi.fn()
    const work = vi.fn(() => Promise.reject(away))
    void runLastAttempt(app, work, stop.signal).then(settled, settled)
    await eventually(() => work.mock.calls.length > 0)
    stop.abort()
    const tries = work.mock.calls.length
    // more than the wait before another try
    await sleep(50)
    expect(work.mock.calls.length).toBe(tries)
    expect(settled).not.toHaveBeenCalled()
    expect(onJobRun).not.toHaveBeenCalled()
  })
})
