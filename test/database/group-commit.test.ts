import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { type BatchRun, GroupCommit } from '../../src/database/group-commit.ts'
import { QueueFullError } from '../../src/database/unavailable.ts'

const limits = { batchSizeMax: 3, waitingMax: 5 }
/** Longer than a batch takes that nobody holds, on a busy machine. */
const HELD_MS = 300

/** A commit that waits until it is let go, and remembers its batches. */
function heldCommit() {
  const batches: number[][] = []
  const gates: (() => void)[] = []
  const commit = async (items: number[]) => {
    batches.push(items)
    await new Promise<void>((resolve) => gates.push(resolve))
    return items.map((item) => item * 10)
  }
  const letGo = async () => {
    while (gates.length === 0) await new Promise(setImmediate)
    gates.shift()!()
    await new Promise(setImmediate)
  }
  return { batches, commit, letGo }
}

// the severity is in the server's language: it decides nothing
const refusal = (code: string) =>
  Object.assign(new pg.DatabaseError('refused', 1, 'error'), { severity: 'FEHLER', code })

describe('a group commit', () => {
  test('lets those that arrive during a commit share the next, in their order, as many as fit', async () => {
    const { batches, commit, letGo } = heldCommit()
    const group = new GroupCommit(commit, limits)
    const first = group.submit(1)
    await new Promise(setImmediate)
    const others = [2, 3, 4, 5].map((item) => group.submit(item))
    await letGo()
    await letGo()
    await letGo()
    expect(batches).toEqual([[1], [2, 3, 4], [5]])
    expect(await Promise.all([first, ...others])).toEqual([10, 20, 30, 40, 50])
  })

  test('passes over repeats of a key, which share the batches behind with others, in their order', async () => {
    const { batches, commit, letGo } = heldCommit()
    const group = new GroupCommit(commit, { ...limits, keyOf: (item) => String(item % 10), waitingMax: 10 })
    const results = [1, 11, 21, 2, 12, 3, 4, 5].map((item) => group.submit(item))
    for (let i = 0; i < 3; i++) await letGo()
    expect(batches).toEqual([
      [1, 2, 3],
      [11, 12, 4],
      [21, 5],
    ])
    expect(await Promise.all(results)).toEqual([10, 110, 210, 20, 120, 30, 40, 50])
  })

  test('goes at once when nothing is under way, with those of the same turn', async () => {
    const { batches, commit, letGo } = heldCommit()
    const group = new GroupCommit(commit, limits)
    const both = [group.submit(1), group.submit(2)]
    await letGo()
    await Promise.all(both)
    expect(batches).toEqual([[1, 2]])
    const third = group.submit(3)
    await letGo()
    expect(await third).toBe(30)
  })

  test('sends the next commit before those who waited for the last go on', async () => {
    const { commit, letGo } = heldCommit()
    const happened: string[] = []
    const group = new GroupCommit((items: number[]) => {
      // a connection of a pool is handed out, and so the statement sent, on the next tick
      process.nextTick(() => happened.push(`sent ${items}`))
      return commit(items)
    }, limits)
    const first = group.submit(1).then(() => happened.push('1 goes on'))
    await new Promise(setImmediate)
    const second = group.submit(2).then(() => happened.push('2 goes on'))
    const drained = group.drain().then(() => happened.push('drained'))
    await letGo()
    await letGo()
    await Promise.all([first, second, drained])
    expect(happened).toEqual(['sent 1', 'sent 2', '1 goes on', '2 goes on', 'drained'])
  })

  test('refuses at once what would wait beyond the limit, and goes on', async () => {
    const { commit, letGo } = heldCommit()
    const group = new GroupCommit(commit, limits)
    const taken = [1, 2, 3, 4, 5].map((item) => group.submit(item))
    await expect(group.submit(6)).rejects.toBeInstanceOf(QueueFullError)
    await letGo()
    await letGo()
    expect(await Promise.all(taken)).toEqual([10, 20, 30, 40, 50])
  })

  test('refuses at once while a commit hangs, keeps what it took, and takes more once that is through', async () => {
    const { commit, letGo } = heldCommit()
    let refusals = 0
    const onRefusal = () => {
      refusals++
    }
    const group = new GroupCommit(commit, {
      batchSizeMax: 3,
      waitingMax: 1_000_000,
      commitMaxMs: 20,
      onRefusal,
    })
    const taken: Promise<number>[] = []
    const submitUntilRefused = async () => {
      for (;;) {
        const result = group.submit(taken.length)
        const isRefused = await Promise.race([
          result.then(
            () => false,
            (error) => error instanceof QueueFullError,
          ),
          new Promise((resolve) => setTimeout(resolve, 1)),
        ])
        if (isRefused) return
        taken.push(result)
      }
    }
    await submitUntilRefused()
    for (let times = 0; times < 100; times++) {
      await expect(group.submit(-1)).rejects.toBeInstanceOf(QueueFullError)
    }
    expect(refusals).toBe(101)
    let isSettled = false
    void group.drain().then(() => {
      isSettled = true
    })
    while (!isSettled) await Promise.race([letGo(), group.drain()])
    expect(await Promise.all(taken)).toEqual(taken.map((_, index) => index * 10))
    const next = group.submit(7)
    await letGo()
    expect(await next).toBe(70)
  })

  test('a bad item fails alone: its neighbours are committed one by one', async () => {
    const batches: number[][] = []
    const group = new GroupCommit(async (items: number[]) => {
      batches.push(items)
      if (items.includes(2)) throw refusal('23514')
      return items
    }, limits)
    const results = await Promise.allSettled([1, 2, 3].map((item) => group.submit(item)))
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(batches).toEqual([[1, 2, 3], [1], [2], [3]])
  })

  test('tells of each batch, those that failed and those of one too, and how many wait meanwhile', async () => {
    const runs: BatchRun[] = []
    const { commit, letGo } = heldCommit()
    const group: GroupCommit<number, number> = new GroupCommit(
      async (items: number[]) => {
        const results = await commit(items)
        if (items.includes(3)) throw refusal('23514')
        return results
      },
      { ...limits, onBatch: (run) => runs.push(run) },
    )
    const first = group.submit(1)
    await new Promise(setImmediate)
    const others = Promise.allSettled([2, 3].map((item) => group.submit(item)))
    expect(group.waitingCount).toBe(2)
    expect(runs).toEqual([])
    await sleep(HELD_MS)
    await letGo()
    expect(await first).toBe(10)
    for (let times = 0; times < 3; times++) await letGo()
    await others
    expect(group.waitingCount).toBe(0)
    expect(runs.map(({ size, outcome }) => [size, outcome])).toEqual([
      [1, 'committed'],
      [2, 'failed'],
      [1, 'committed'],
      [1, 'failed'],
    ])
    // without the wait for the batch before
    expect(runs[0]!.durationMs).toBeGreaterThan(HELD_MS - 5)
    for (const { durationMs } of runs.slice(1)) expect(durationMs).toBeLessThan(HELD_MS - 5)
  })

  test('tries nothing twice that may have been committed: a lost connection fails the whole batch', async () => {
    for (const error of [new Error('Connection terminated unexpectedly'), refusal('57P01')]) {
      let commits = 0
      const group = new GroupCommit(async () => {
        commits++
        throw error
      }, limits)
      const results = await Promise.allSettled([1, 2].map((item) => group.submit(item)))
      expect(results).toEqual([
        { status: 'rejected', reason: error },
        { status: 'rejected', reason: error },
      ])
      expect(commits).toBe(1)
    }
  })

  test('fails those that wait behind a commit that got no connection in time, and takes new ones', async () => {
    const batches: number[][] = []
    const pool = new pg.Pool({ host: '127.0.0.1', max: 1, connectionTimeoutMillis: 50 })
    // the one connection is being made, and never is
    Object.assign(pool, { _isFull: () => true })
    const group = new GroupCommit(async (items: number[]) => {
      batches.push(items)
      if (batches.length === 1) await pool.connect()
      return items
    }, limits)
    const first = group.submit(1)
    await new Promise(setImmediate)
    const results = await Promise.allSettled([first, group.submit(2), group.submit(3)])
    expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(batches).toEqual([[1]])
    expect(await group.submit(4)).toBe(4)
    await pool.end()
  })

  test('fails those that wait behind a commit whose host gave no answer for long, and no others', async () => {
    for (const [hangMs, commitCount] of [
      [1_050, 1],
      [0, 2],
    ] as const) {
      let commits = 0
      const group = new GroupCommit(async () => {
        commits++
        await sleep(hangMs)
        throw new Error('Connection terminated unexpectedly')
      }, limits)
      const first = group.submit(1)
      await new Promise(setImmediate)
      await Promise.allSettled([first, group.submit(2)])
      expect(commits).toBe(commitCount)
    }
  })

  test('does not try one by one what is not to be had for all', async () => {
    for (const error of [refusal('53100'), refusal('25006'), refusal('57014'), refusal('40003')]) {
      let commits = 0
      const group = new GroupCommit(async () => {
        commits++
        throw error
      }, limits)
      const results = await Promise.allSettled([1, 2].map((item) => group.submit(item)))
      expect(results.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
      expect(commits).toBe(1)
    }
  })

  test('is settled when nothing waits and nothing is under way', async () => {
    const { commit, letGo } = heldCommit()
    const group = new GroupCommit(commit, limits)
    await group.drain()
    let isSettled = false
    const item = group.submit(1)
    const settled = group.drain().then(() => {
      isSettled = true
    })
    await new Promise(setImmediate)
    expect(isSettled).toBe(false)
    await letGo()
    await Promise.all([item, settled])
    expect(isSettled).toBe(true)
  })
})
