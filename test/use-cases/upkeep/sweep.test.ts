import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { tryLockSweep } from '../../../src/sql/queue/find-lost-work.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { killJobs, loseJobsOf } from '../../support/queue.ts'

const INSERT_KEYS = 'insert into idempotency_keys (caller, key, verb, fingerprint, order_id, created_at)'

let test_: TestApp
beforeAll(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'A', available: 10 })
})
afterAll(async () => {
  await test_.close()
})

describe('the sweeper', () => {
  test('gives up a step that takes too long, and does what is behind it', async () => {
    const { pool } = test_.app
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await killJobs(pool, 'gone', { orderIds: [id] })
    await pool.query(
      `${INSERT_KEYS} values ('sweep', 'old', 'createOrder', '', '00000000-0000-7000-8000-000000000000', now() - interval '3 days')`,
    )
    const blocker = await pool.connect()
    await blocker.query('begin; lock table orders in access exclusive mode')
    const result = await sweep(test_.app, { statementMaxMs: 300 })
    await blocker.query('rollback')
    blocker.release()
    expect(result).toMatchObject({
      failures: ['orphans', 'dead-jobs', 'lost-queues'].map((step) =>
        expect.stringMatching(new RegExp(`^sweep-${step}: .*statement timeout`)),
      ),
      keysDeleted: 1,
    })
    expect(await sweep(test_.app)).toMatchObject({ failures: [], buried: [id] })
  })

  test('forgets idempotency keys after two days, and not after one', async () => {
    const insert = `${INSERT_KEYS} select 'c', $1, 'createOrder', '', id, now() - $2::interval from orders limit 1`
    await test_.app.pool.query(insert, ['old', '49 hours'])
    await test_.app.pool.query(insert, ['young', '25 hours'])
    expect(await sweep(test_.app)).toMatchObject({ keysDeleted: 1 })
    expect(await test_.app.prisma.idempotencyKey.findMany({ select: { key: true } })).toEqual([
      { key: 'young' },
    ])
  })

  test('does what it can where a part of it fails', async () => {
    const { id } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await loseJobsOf(test_.app.pool, [id])
    const { id: dead } = await seed(test_.app).order({ sku: 'A', qty: 1 })
    await killJobs(test_.app.pool, null, { orderIds: [dead] })
    await test_.app.pool.query(
      `${INSERT_KEYS} select 'c', 'old', 'createOrder', '', id, now() - interval '49 hours' from orders limit 1`,
    )
    await test_.app.pool.query('alter table dead_letters rename to elsewhere')
    const swept = await sweep(test_.app)
    await test_.app.pool.query('alter table elsewhere rename to dead_letters')
    expect(swept).toMatchObject({ requeued: [id], buried: [], keysDeleted: 1 })
    expect(swept.failures).toEqual([expect.stringContaining('dead_letters')])
    expect(await sweep(test_.app)).toMatchObject({ requeued: [], buried: [dead], failures: [] })
  })

  test('does more than a batch, in transactions of a batch each, and stops when its time is over', async () => {
    const insert = `${INSERT_KEYS}
      select 'c', 'batch ' || turn, 'createOrder', '', orders.id, now() - interval '49 hours'
      from (select id from orders limit 1) as orders, generate_series(1, 2500) as turn`
    await test_.app.pool.query(insert)
    expect(await sweep(test_.app, { timeMaxMs: 0 })).toMatchObject({ keysDeleted: 1_000 })
    const run = vi.spyOn(test_.app, 'onTransaction')
    expect(await sweep(test_.app)).toMatchObject({ keysDeleted: 1_500 })
    expect(run.mock.calls.filter(([{ name }]) => name === 'sweep-old-keys')).toHaveLength(2)
    run.mockRestore()
  })

  test('leaves the work to another process that is at it, and says so', async () => {
    const client = await test_.app.pool.connect()
    await client.query('begin')
    expect(await tryLockSweep(client)).toBe(true)
    expect(await sweep(test_.app)).toMatchObject({ isElsewhere: true, requeued: [], buried: [] })
    await client.query('rollback')
    client.release()
    expect(await sweep(test_.app)).toMatchObject({ isElsewhere: false })
  })
})
