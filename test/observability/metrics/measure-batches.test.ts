import { expect } from 'vitest'
import { sharedTest as test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { readNonZero, readSamples } from '../../support/metrics.ts'

test('batches are counted by their size and timed by their outcome, from 0 on', async ({ app }) => {
  const before = await readSamples(app)
  for (const batch of ['create-order', 'reserve-inventory', 'settle-supplier-outcome', 'find-order']) {
    expect(before.get(`holdfast_batch_size_count{batch="${batch}"}`)).toBe(0)
    for (const outcome of ['committed', 'failed']) {
      const count = `holdfast_batch_duration_seconds_count{batch="${batch}",outcome="${outcome}"}`
      expect(before.get(count)).toBe(0)
    }
  }

  await seed(app).item({ sku: 'A', available: 2 })
  const orders = await Promise.all([1, 2, 3].map(() => seed(app).order({ sku: 'A' })))
  const reserving = orders.map(({ id }) => app.groups.reserveInventory.submit([{ orderId: id }]))
  expect(await readNonZero(app, 'holdfast_batch_waiting')).toEqual({ '{batch="reserve-inventory"}': 3 })
  await Promise.all(reserving)
  await app.groups.findOrder.submit(orders[0]!.id)
  await expect(app.groups.findOrder.submit('no id')).rejects.toThrow()

  expect(await readNonZero(app, 'holdfast_batch_size_count')).toEqual({
    '{batch="create-order"}': 1,
    '{batch="reserve-inventory"}': 1,
    '{batch="find-order"}': 2,
  })
  expect(await readNonZero(app, 'holdfast_batch_size_sum')).toEqual({
    '{batch="create-order"}': 3,
    '{batch="reserve-inventory"}': 3,
    '{batch="find-order"}': 2,
  })
  expect(await readNonZero(app, 'holdfast_batch_duration_seconds_count')).toEqual({
    '{batch="create-order",outcome="committed"}': 1,
    '{batch="reserve-inventory",outcome="committed"}': 1,
    '{batch="find-order",outcome="committed"}': 1,
    '{batch="find-order",outcome="failed"}': 1,
  })
  const tookS = (await readSamples(app)).get(
    'holdfast_batch_duration_seconds_sum{batch="reserve-inventory",outcome="committed"}',
  )
  expect(tookS).toBeGreaterThan(0)
  expect(tookS).toBeLessThan(30)
  expect(await readNonZero(app, 'holdfast_batch_waiting')).toEqual({})
})
