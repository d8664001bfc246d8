import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Order } from '../../src/domain/orders/order.ts'
import { defineTask } from '../../src/tasks/define-task.ts'
import { reservationPayload } from '../../src/use-cases/job-payloads.ts'
import { createTestApp, eventually, seed, type TestApp } from '../support/harness.ts'

const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
const bug = new Error('a bug')

let test_: TestApp
let order: Order
beforeEach(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A' })
  order = await seed(test_.app).order({ sku: 'A' })
})
afterEach(() => test_.close())

/** Runs a job of the order, on its last attempt, whose work is `work`; a stop is told by `signal`. */
async function runLastAttempt(work: () => Promise<void>, signal?: AbortSignal) {
  const task = defineTask('reserve-inventory', reservationPayload, work)({ app: test_.app } as never)
  const job = { id: '1', task_identifier: 'reserve-inventory', attempts: 8, max_attempts: 8 }
  await task({ orderId: order.id }, { job, abortSignal: signal } as never)
}

describe('a run of a job is told of', () => {
  test('as given up, with what it threw, when its order was ended for it', async () => {
    const onJobRun = vi.spyOn(test_.app, 'onJobRun')
    await runLastAttempt(() => Promise.reject(bug))
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

  test('as failed while its order could not be ended', async () => {
    const onJobRun = vi.spyOn(test_.app, 'onJobRun')
    const refusal = new Error('not today')
    vi.spyOn(test_.app.pool, 'connect').mockRejectedValueOnce(refusal as never)
    await expect(runLastAttempt(() => Promise.reject(bug))).rejects.toBe(refusal)
    expect(onJobRun.mock.calls).toMatchObject([[{ outcome: 'failed', error: refusal }]])
  })

  test('by its last try alone, where one before found the database away', async () => {
    const onJobRun = vi.spyOn(test_.app, 'onJobRun')
    const connect = vi.spyOn(test_.app.pool, 'connect').mockRejectedValueOnce(away as never)
    const work = vi.fn(async () => {})
    // on the first try it fails, and then its order cannot be ended
    work.mockRejectedValueOnce(bug)
    await runLastAttempt(work)
    expect(connect).toHaveBeenCalledOnce()
    expect(work).toHaveBeenCalledTimes(2)
    expect(onJobRun.mock.calls).toEqual([[expect.objectContaining({ outcome: 'done' })]])
    expect(onJobRun.mock.calls[0]![0].error).toBeUndefined()
  })

  test('not at all where a stop leaves it to somebody else', async () => {
    const onJobRun = vi.spyOn(test_.app, 'onJobRun')
    const stop = new AbortController()
    const settled = vi.fn()
    const work = vi.fn(() => Promise.reject(away))
    void runLastAttempt(work, stop.signal).then(settled, settled)
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
