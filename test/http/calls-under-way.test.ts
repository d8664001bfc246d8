import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CallsUnderWay } from '../../src/http/calls-under-way.ts'
import {
  CALL_DURATION_AT_OVERLOAD_MS,
  CALLS_UNDER_WAY_AT_OVERLOAD_MIN,
  CALLS_UNDER_WAY_MAX,
  OVERLOAD_WINDOW_MS,
} from '../../src/limits.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** Calls that are under way until they are ended, the oldest first. */
function createLoad() {
  const calls = new CallsUnderWay(() => {})
  const ends: (() => void)[] = []
  return {
    calls,
    /** @returns how many of them were taken */
    arrive(count: number): number {
      const before = ends.length
      for (let index = 0; index < count; index++) {
        void calls.run<Promise<void> | undefined>(
          () => new Promise<void>((resolve) => ends.push(resolve)),
          () => undefined,
        )
      }
      return ends.length - before
    },
    async end(count: number): Promise<void> {
      for (const end of ends.splice(0, count)) end()
      await Promise.resolve()
      await Promise.resolve()
    },
  }
}

/** Twice as many calls come as end, in steps of a millisecond. */
async function overload(load: ReturnType<typeof createLoad>, perMs: number, ms: number) {
  for (let step = 0; step < ms; step++) {
    vi.advanceTimersByTime(1)
    await load.end(perMs)
    load.arrive(2 * perMs)
  }
}

test('a burst is taken up to the full limit', () => {
  const load = createLoad()
  expect(load.arrive(CALLS_UNDER_WAY_MAX + 5)).toBe(CALLS_UNDER_WAY_MAX)
  expect(load.calls.count).toBe(CALLS_UNDER_WAY_MAX)
})

test('under a load that stays too large, as many are let in as are answered in the time that a call may take', async () => {
  const load = createLoad()
  const perMs = 8
  await overload(load, perMs, 5 * OVERLOAD_WINDOW_MS)
  expect(load.calls.limit).toBe(perMs * CALL_DURATION_AT_OVERLOAD_MS)
  expect(load.calls.count).toBe(load.calls.limit)
})

test('neither fewer than the least nor more than the full limit', async () => {
  const slow = createLoad()
  await overload(slow, 1, 10 * OVERLOAD_WINDOW_MS)
  expect(slow.calls.limit).toBe(CALLS_UNDER_WAY_AT_OVERLOAD_MIN)
  const fast = createLoad()
  await overload(fast, CALLS_UNDER_WAY_MAX, 5 * OVERLOAD_WINDOW_MS)
  expect(fast.calls.limit).toBe(CALLS_UNDER_WAY_MAX)
})

test('the full limit is back once nothing has been refused for a moment', async () => {
  const load = createLoad()
  await overload(load, 8, 5 * OVERLOAD_WINDOW_MS)
  await load.end(Infinity)
  vi.advanceTimersByTime(OVERLOAD_WINDOW_MS)
  expect(load.arrive(2 * CALLS_UNDER_WAY_MAX)).toBe(CALLS_UNDER_WAY_MAX)
})

test('a call that throws is no longer under way', () => {
  const { calls } = createLoad()
  const fail = () => {
    throw new Error('broken')
  }
  expect(() => calls.run(fail, () => undefined)).toThrow('broken')
  expect(calls.count).toBe(0)
})
