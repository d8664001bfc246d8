import pg from 'pg'
import { expect, test } from 'vitest'
import { GroupCommit } from '../../src/database/group-commit.ts'

/** A commit that takes its locks, and ends, when it is told to. Batches are numbered from 0, as they were sent. */
function lockingCommit() {
  const sent: number[][] = []
  const locks: (() => void)[] = []
  const ends: ((error?: Error) => void)[] = []
  const commit = async (items: number[], onLocked: () => void) => {
    sent.push(items)
    locks.push(onLocked)
    await new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())))
    return items.map((item) => item * 10)
  }
  const turn = async (act: () => void) => {
    act()
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
  return {
    sent,
    commit,
    lock: (batch: number) => turn(() => locks[batch]!()),
    end: (batch: number, error?: Error) => turn(() => ends[batch]!(error)),
  }
}

const options = { batchSizeMax: 3, waitingMax: 20, overlapMin: 2 }

/** Submits items, of which the first goes at once. */
async function submitAll(group: GroupCommit<number, number>, items: number[]) {
  const first = group.submit(items[0]!)
  await new Promise(setImmediate)
  return [first, ...items.slice(1).map((item) => group.submit(item))]
}

test('sends a second commit when the first holds its locks and enough wait, and never a third', async () => {
  const { sent, commit, lock, end } = lockingCommit()
  const group = new GroupCommit(commit, options)
  const results = await submitAll(group, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  await new Promise(setImmediate)
  expect(sent).toEqual([[1]])
  await lock(0)
  expect(sent).toEqual([[1], [2, 3, 4]])
  await lock(1)
  expect(sent).toHaveLength(2)
  await end(0)
  expect(sent).toEqual([[1], [2, 3, 4], [5, 6, 7]])
  // the second ends first: the third does not hold its locks, so what waits stays behind it
  await end(1)
  expect(sent).toHaveLength(3)
  await lock(2)
  expect(sent.at(-1)).toEqual([8, 9])
  await end(3)
  await end(2)
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90])
  await group.drain()
  expect(group.waitingCount).toBe(0)
})

test('lets few wait for the end of the first, and sends them when enough have come', async () => {
  const { sent, commit, lock, end } = lockingCommit()
  const group = new GroupCommit(commit, options)
  const results = await submitAll(group, [1, 2])
  await lock(0)
  expect(sent).toEqual([[1]])
  results.push(group.submit(3))
  await new Promise(setImmediate)
  expect(sent).toEqual([[1], [2, 3]])
  results.push(group.submit(4))
  await end(1)
  expect(sent).toHaveLength(2)
  await end(0)
  expect(sent.at(-1)).toEqual([4])
  await end(2)
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40])
})

test('goes on when either fails, and loses nothing', async () => {
  const { sent, commit, lock, end } = lockingCommit()
  const group = new GroupCommit(commit, options)
  const results = (await submitAll(group, [1, 2, 3, 4, 5, 6])).map((result) =>
    result.catch((error: Error) => error.message),
  )
  await lock(0)
  await end(0, new Error('first'))
  expect(sent).toEqual([[1], [2, 3, 4]])
  await lock(1)
  expect(sent.at(-1)).toEqual([5, 6])
  await end(2, new Error('second'))
  await end(1)
  expect(await Promise.all(results)).toEqual(['first', 20, 30, 40, 'second', 'second'])
  const later = group.submit(7)
  await new Promise(setImmediate)
  await end(3)
  expect(await later).toBe(70)
})

test('lets nobody overtake items that are retried, but who is in flight already', async () => {
  const { sent, commit, lock, end } = lockingCommit()
  const group = new GroupCommit(commit, options)
  const results = await submitAll(group, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  await lock(0)
  await end(0)
  await lock(1)
  expect(sent).toEqual([[1], [2, 3, 4], [5, 6, 7]])
  await end(1, new pg.DatabaseError('refused', 1, 'error'))
  await lock(3)
  await end(3)
  await end(2)
  await lock(4)
  await end(4)
  await end(5)
  expect(sent.slice(3)).toEqual([[2], [3], [4], [8, 9]])
  await end(6)
  expect(await Promise.all(results)).toEqual([10, 20, 30, 40, 50, 60, 70, 80, 90])
})

test('is drained when neither is in flight, also one that starts later', async () => {
  const { commit, lock, end } = lockingCommit()
  const group = new GroupCommit(commit, options)
  const results = await submitAll(group, [1, 2, 3])
  let isDrained = false
  const drained = group.drain().then(() => {
    isDrained = true
  })
  await lock(0)
  await end(0)
  expect(isDrained).toBe(false)
  await end(1)
  await drained
  await Promise.all(results)
})
