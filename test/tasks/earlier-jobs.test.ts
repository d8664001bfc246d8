import { describe, expect, vi } from 'vitest'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { breakReservations } from '../support/break-reservations.ts'
import { test } from '../support/fixtures.ts'
import { seed, startTestWorker } from '../support/harness.ts'
import { addJob, loseJobsOf, untilNoJobs } from '../support/queue.ts'

const origin = { caller: 'anonymous', requestId: 'shop-1' }

describe('a job that a version before 0.2 wrote', () => {
  test('runs', async ({ app, testApp }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const { id } = await seed(app).order({ sku: 'A' })
    await loseJobsOf(app.pool, [id])
    await addJob(app.pool, 'reserve-inventory', { orderId: id, origin })
    // it is the job that the order waits for
    expect(await sweep(app)).toMatchObject({ requeued: [] })
    const onEvents = vi.spyOn(app, 'onEvents')
    const worker = await startTestWorker(testApp)
    await untilNoJobs(app.pool)
    await worker.stop()
    expect(onEvents.mock.calls.flatMap(([events]) => events)).toMatchObject([
      { order: { id, status: 'RESERVED' }, origin },
    ])
  })

  test('that fails for the last time ends its order, with the dead letter that it had then', async ({
    app,
    testApp,
  }) => {
    await seed(app).item({ sku: 'POISON', available: 5 })
    const { id } = await seed(app).order({ sku: 'POISON' })
    await breakReservations(app, 'POISON')
    await loseJobsOf(app.pool, [id])
    const payload = { orderId: id, origin }
    await addJob(app.pool, 'reserve-inventory', payload, 1)
    const worker = await startTestWorker(testApp)
    await untilNoJobs(app.pool)
    await worker.stop()
    const order = await app.prisma.order.findUnique({ where: { id }, include: { deadLetters: true } })
    expect(order).toMatchObject({ status: 'FAILED', deadLetters: [{ payload }] })
  })
})
