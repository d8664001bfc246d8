import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { beforeEach, describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { awaitFinalEnd, MOVEMENTS, OUTBOX } from '../../../../src/sql/stock/ledger/final-end.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'

/** What writes a movement, and draws its id. */
const INSERT = `insert into inventory_movements
    (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
  values ('A', 'MAIN', 'ADJUSTMENT', 1, 0, 11, 0, now())`
/** What gives a movement its second place, and draws a number for it. */
const CROSS = `update inventory_movements set crossed_id = nextval('inventory_movements_id_seq') where id = 1`

/** A connection whose transaction ends with the block. */
async function connect(app: App): Promise<pg.PoolClient & AsyncDisposable> {
  const client = await app.pool.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: async () => client.release(true) })
}

/** Waits for the end, and says whether it is known yet. */
function wait(app: App) {
  let isOver = false
  const end = awaitFinalEnd(app.pool, MOVEMENTS, async () => {
    await sleep(5)
    return true
  }).finally(() => {
    isOver = true
  })
  const isWaiting = async () => {
    await sleep(100)
    return !isOver
  }
  return { end, isWaiting }
}

const readIds = async (app: App) =>
  (await app.pool.query<{ id: bigint }>('select id::int from inventory_movements order by id')).rows.map(
    ({ id }) => Number(id),
  )

beforeEach<{ app: App }>(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
})

describe('the end of the ledger is waited for', () => {
  const locked = (mode: string) => [`lock table inventory_movements in ${mode} mode`, INSERT]
  const writers: [string, string[]][] = [
    ['a movement', [INSERT]],
    ['a second place', [CROSS]],
    ['a movement behind a savepoint', ['savepoint s', INSERT, 'release s']],
    ['two, one of which was rolled back', [INSERT, 'savepoint s', INSERT, 'rollback to s']],
    ['a movement under SHARE ROW EXCLUSIVE', locked('share row exclusive')],
    ['a movement under ACCESS EXCLUSIVE', locked('access exclusive')],
    [
      'a movement, and that has locked more tables than have a fast path',
      [
        `do $$ begin for n in 1..40 loop execute format('create temporary table t%s (id int primary key)', n); end loop; end $$`,
        INSERT,
      ],
    ],
  ]
  test.for(writers)('by a transaction that writes %s', async ([_name, statements], { app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await using writer = await connect(app)
    await writer.query(`begin; ${statements.join('; ')}`)
    const { end, isWaiting } = wait(app)
    expect(await isWaiting()).toBe(true)
    // whoever comes later is not waited for
    await using later = await connect(app)
    const isFree = !statements[0]!.startsWith('lock')
    if (isFree) await later.query(`begin; ${INSERT}`)
    await writer.query('commit')
    const last = await end
    const committed = await readIds(app)
    if (isFree) await later.query('commit')
    expect((await readIds(app)).filter((id) => id <= Number(last))).toEqual(committed)
    expect(last).toBeGreaterThan(1n)
  })

  test('by a transaction that is prepared', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    const { rows } = await app.pool.query<{ max: string }>(
      `select current_setting('max_prepared_transactions') as max`,
    )
    // a server of TEST_DATABASE_URL may allow none
    if (rows[0]!.max === '0') return
    await using writer = await connect(app)
    await writer.query(`begin; ${INSERT}`)
    const { end, isWaiting } = wait(app)
    expect(await isWaiting()).toBe(true)
    await writer.query(`prepare transaction 'holdfast'`)
    expect(await isWaiting()).toBe(true)
    const second = wait(app)
    expect(await second.isWaiting()).toBe(true)
    await writer.query(`commit prepared 'holdfast'`)
    expect([await end, await second.end]).toEqual([2n, 2n])
    expect(await readIds(app)).toEqual([1, 2])
  })
})

describe('the end of the ledger is known at once', () => {
  const others: [string, string][] = [
    ['writes other tables', `update locations set name = 'x'`],
    ['reads movements', 'select from inventory_movements for update'],
    ['locked the table and wrote nothing', 'lock table inventory_movements in share row exclusive mode'],
    ['rolled its movement back', `savepoint s; ${INSERT}; rollback to s`],
    ['only has a transaction id', 'select pg_current_xact_id()'],
  ]
  test.for(others)('beside a transaction that %s', async ([_name, statement], { app }) => {
    await using other = await connect(app)
    await other.query(`begin; ${statement}`)
    let looks = 0
    const pause = async () => {
      looks++
      return false
    }
    expect(await awaitFinalEnd(app.pool, MOVEMENTS, pause)).toBeDefined()
    expect(looks).toBe(0)
    await other.query('rollback')
  })

  test('beside one that still waits for the lock', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await using blocker = await connect(app)
    await using writer = await connect(app)
    await blocker.query('begin; lock table inventory_movements in share mode')
    const written = writer.query(INSERT)
    await sleep(50)
    expect(await awaitFinalEnd(app.pool, MOVEMENTS, async () => false)).toBe(1n)
    await blocker.query('commit')
    await written
  })

  test('where there is no movement', async ({ app }) => {
    await app.pool.query(`alter sequence inventory_movements_id_seq restart`)
    expect(await awaitFinalEnd(app.pool, MOVEMENTS, async () => false)).toBe(0n)
  })
})

test('the end of the outbox is waited for by a transaction that writes an order event, that of the ledger is not', async ({
  app,
}) => {
  const { id } = await seed(app).order({ sku: 'A' })
  await using writer = await connect(app)
  await writer.query('begin')
  await writer.query('update order_events set outbox_id = null where order_id = $1', [id])
  expect(await awaitFinalEnd(app.pool, OUTBOX, async () => false)).toBeUndefined()
  expect(await awaitFinalEnd(app.pool, MOVEMENTS, async () => false)).toBe(1n)
  await writer.query('rollback')
})

test('who gives up learns no end', async ({ app, testApp }) => {
  testApp.allowBreaches('movements are written by hand')
  await using writer = await connect(app)
  await writer.query(`begin; ${INSERT}`)
  expect(await awaitFinalEnd(app.pool, MOVEMENTS, async () => false)).toBeUndefined()
  await writer.query('rollback')
})

test('what is final is visible to the next statement, while many write', async ({ app, testApp }) => {
  testApp.allowBreaches('movements are written by hand')
  let isWriting = true
  const write = async () => {
    await using client = await connect(app)
    while (isWriting)
      await client.query(`begin; ${INSERT}; savepoint s; ${INSERT}; rollback to s; ${INSERT}; commit`)
  }
  const writing = Promise.all([write(), write(), write(), write()])
  const seen: { end: bigint; ids: number[] }[] = []
  for (let round = 0; round < 60; round++) {
    const end = await awaitFinalEnd(app.pool, MOVEMENTS, async () => true)
    seen.push({ end: end!, ids: (await readIds(app)).filter((id) => id <= Number(end)) })
  }
  isWriting = false
  await writing
  const all = await readIds(app)
  for (const { end, ids } of seen) expect(ids).toEqual(all.filter((id) => id <= Number(end)))
  expect(seen.at(-1)!.end).toBeGreaterThan(seen[0]!.end)
})
