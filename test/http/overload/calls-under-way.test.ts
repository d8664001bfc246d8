import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { CallsUnderWay } from '../../../src/http/overload/calls-under-way.ts'
import { LoopLimit } from '../../../src/http/overload/loop-limit.ts'
import { CALLS_UNDER_WAY_MAX, OVERLOAD_WINDOW_MS, WAITING_CALLS_MAX } from '../../../src/limits.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** Decides how many of the calls that are under way end in a millisecond. */
type Work = (underWay: number, ms: number) => number

/** Each millisecond so many end, however many there are: calls wait for a processor. */
const byProcessor =
  (perMs: number): Work =>
  () =>
    perMs

/** What is there when a commit begins ends with it, however many that are: calls wait for a disk or a network. */
function byCommit(commitMs: number): Work {
  let batch = 0
  return (underWay, ms) => {
    if (ms % commitMs !== 0) return 0
    const ended = batch
    batch = underWay - ended
    return ended
  }
}

/** The more there are the more end, but ever less so: 10 a millisecond of 300, 8 of 160. */
function byBoth(): Work {
  let due = 0
  return (underWay) => {
    due += underWay / (8 + underWay / 13.6)
    const ended = Math.floor(due)
    due -= ended
    return ended
  }
}

/** A server in a time of its own. */
function simulate(work: Work) {
  const calls = new CallsUnderWay(() => {}, new LoopLimit(() => 0))
  const under: { end: () => void; sinceMs: number }[] = []
  let ms = 0
  return {
    calls,
    /** @returns how many were refused of those that came at this rate, and how long those that ended had taken on average */
    async load(perMs: number, forMs: number) {
      let refused = 0
      let ended = 0
      let totalMs = 0
      for (const untilMs = ms + forMs; ms < untilMs; ) {
        vi.advanceTimersByTime(1)
        ms++
        for (const { end, sinceMs } of under.splice(0, work(under.length, ms))) {
          end()
          ended++
          totalMs += ms - sinceMs
        }
        await Promise.resolve()
        await Promise.resolve()
        for (let index = 0; index < perMs; index++) {
          void calls.run<Promise<void> | undefined>(
            () => new Promise<void>((end) => under.push({ end, sinceMs: ms })),
            () => {
              refused++
              return undefined
            },
          )
        }
      }
      return { refused, ended, meanMs: totalMs / ended }
    },
  }
}

test('a burst is taken up to the full limit', async () => {
  const { calls, load } = simulate(byProcessor(0))
  expect(await load(CALLS_UNDER_WAY_MAX + 5, 1)).toMatchObject({ refused: 5 })
  expect(calls.count).toBe(CALLS_UNDER_WAY_MAX)
})

test('a call that throws is no longer under way', () => {
  const calls = new CallsUnderWay(() => {}, new LoopLimit(() => 0))
  const fail = () => {
    throw new Error('broken')
  }
  expect(() => calls.run(fail, () => undefined)).toThrow('broken')
  expect(calls.count).toBe(0)
})

describe('calls that wait', () => {
  const serve = () => new CallsUnderWay(() => {}, new LoopLimit(() => 0))
  const wait = (calls: CallsUnderWay, until: Promise<string>) =>
    calls.run<Promise<string | undefined>>(
      () => calls.wait(() => until),
      () => Promise.reject(new Error('refused')),
    )

  test('are no longer in flight, and are again when they go on', async () => {
    const calls = serve()
    const { promise, resolve } = Promise.withResolvers<string>()
    const waiting = Array.from({ length: 2 * CALLS_UNDER_WAY_MAX }, () => wait(calls, promise))
    expect([calls.count, calls.waiting]).toEqual([0, waiting.length])
    expect(calls.isFull()).toBe(false)
    resolve('waited')
    await promise
    expect(calls.isFull()).toBe(true)
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['waited']))
    expect([calls.count, calls.waiting]).toEqual([0, 0])
  })

  test('are so many and no more: the next goes on at once', async () => {
    const calls = serve()
    const { promise, resolve } = Promise.withResolvers<string>()
    const waiting = Array.from({ length: WAITING_CALLS_MAX }, () => wait(calls, promise))
    expect(await wait(calls, promise)).toBeUndefined()
    expect(calls.waiting).toBe(WAITING_CALLS_MAX)
    resolve('waited')
    await Promise.all(waiting)
    expect(await wait(calls, promise)).toBe('waited')
    expect([calls.count, calls.waiting]).toEqual([0, 0])
  })

  test('that fail are neither', async () => {
    const calls = serve()
    const fail = async () => {
      throw new Error('broken')
    }
    await expect(
      calls.run<unknown>(
        () => calls.wait(fail),
        () => undefined,
      ),
    ).rejects.toThrow('broken')
    expect([calls.count, calls.waiting]).toEqual([0, 0])
  })
})

describe('a load that stays at twice what can be done', () => {
  test.each([16, 20, 25])('costs none of what can be done, by commits of %i ms', async (commitMs) => {
    const { load } = simulate(byCommit(commitMs))
    const possible = (CALLS_UNDER_WAY_MAX / 2 / commitMs) * 4_000
    await load((2 * CALLS_UNDER_WAY_MAX) / commitMs, 1_000)
    const { ended } = await load((2 * CALLS_UNDER_WAY_MAX) / commitMs, 4_000)
    expect(ended).toBeGreaterThan(0.9 * possible)
  })
})

describe('once the load is bearable again', () => {
  test.each<[string, Work, number]>([
    ['by a processor', byProcessor(8), 7],
    ['by both', byBoth(), 9],
    ['by commits of 8 ms', byCommit(8), 9],
    ['by commits of 12 ms', byCommit(12), 7],
    ['by commits of 16 ms', byCommit(16), 6],
    ['by commits of 20 ms', byCommit(20), 5],
    ['by commits of 25 ms', byCommit(25), 5],
  ])('nothing is refused any more, %s', async (_name, work, perMs) => {
    const { load } = simulate(work)
    expect(await load(perMs, 1_000)).toMatchObject({ refused: 0 })
    expect((await load(6 * perMs, 400)).refused).toBeGreaterThan(0)
    await load(perMs, 3_000)
    expect(await load(perMs, 3_000)).toMatchObject({ refused: 0 })
  })

  test('the full limit is back at once where nothing comes for a moment', async () => {
    const { calls, load } = simulate(byProcessor(8))
    await load(16, 1_000)
    await load(0, OVERLOAD_WINDOW_MS)
    expect(calls.limit).toBe(CALLS_UNDER_WAY_MAX)
  })
})
