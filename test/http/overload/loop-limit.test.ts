import { afterEach, describe, expect, test, vi } from 'vitest'
import { CallsUnderWay } from '../../../src/http/overload/calls-under-way.ts'
import { LoopLimit } from '../../../src/http/overload/loop-limit.ts'
import { CALLS_UNDER_WAY_MAX, CALLS_UNDER_WAY_MIN } from '../../../src/limits.ts'

afterEach(() => void vi.restoreAllMocks())

/** Of the loop, what a call takes that is accepted, and one that is refused, in ms: as it was measured here. */
const ACCEPT_MS = 0.06
const REFUSE_MS = 0.016
/** Calls a millisecond that the loop takes when it refuses none. */
const CAPACITY = 1 / ACCEPT_MS
/** What a commit takes, for which no loop is needed. All that came during one share the next. */
const COMMIT_MS = 5
/** Callers, each with one call: no more than these can wait in their sockets. */
const CONNECTIONS = 2_000

/** Of its sockets, Node reads so many before it looks at anything else. */
const READS_AT_ONCE = 1_024
const IDLE_STEP_MS = 0.1

type Call = { end: () => void; sentAtMs: number }

/** A process whose one loop reads calls from their sockets and lets those that it accepted share a commit, in a time of its own. */
function simulate({ isBusyOtherwise = false } = {}) {
  let nowMs = 0
  let busyMs = 0
  let askedAtMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const readUtilization = () => {
    const utilization = isBusyOtherwise ? 1 : busyMs / (nowMs - askedAtMs || 1)
    busyMs = 0
    askedAtMs = nowMs
    return utilization
  }
  const calls = new CallsUnderWay(() => {}, new LoopLimit(readUtilization))
  const unread: number[] = []
  let waiting: Call[] = []
  let commit: { calls: Call[]; endsAtMs: number } | undefined
  const spend = (ms: number) => {
    nowMs += ms
    busyMs += ms
  }

  /** @param arrive gives when the calls were sent that came since it was last asked; hears how many were answered since */
  async function run(arrive: (answered: number) => number[], forMs: number) {
    const acceptedMs: number[] = []
    const refusedMs: number[] = []
    const beganMs = nowMs
    let refusedUntilMs = 0
    let answered = 0
    for (const untilMs = nowMs + forMs; nowMs < untilMs; ) {
      unread.push(...arrive(answered).slice(0, CONNECTIONS - unread.length))
      answered = 0
      if (commit && commit.endsAtMs <= nowMs) {
        for (const { end, sentAtMs } of commit.calls) {
          end()
          answered++
          acceptedMs.push(nowMs - sentAtMs)
        }
        commit = undefined
      }
      await Promise.resolve()
      await Promise.resolve()
      const read = unread.splice(0, READS_AT_ONCE)
      if (read.length === 0) nowMs += IDLE_STEP_MS
      for (const sentAtMs of read) {
        void calls.run<Promise<void> | undefined>(
          () => {
            spend(ACCEPT_MS)
            return new Promise((end) => waiting.push({ end, sentAtMs }))
          },
          () => {
            spend(REFUSE_MS)
            answered++
            refusedUntilMs = nowMs - beganMs
            refusedMs.push(nowMs - sentAtMs)
            return undefined
          },
        )
      }
      if (!commit && waiting.length > 0) {
        commit = { calls: waiting, endsAtMs: nowMs + COMMIT_MS }
        waiting = []
      }
    }
    return {
      ended: acceptedMs.length,
      refused: refusedMs.length,
      acceptedMs: mean(acceptedMs),
      refusedMs: mean(refusedMs),
      refusedUntilMs,
    }
  }

  return {
    calls,
    /** @returns of the calls that came at this rate for so long: how many ended and were refused, and the mean times in ms */
    load(perMs: number, forMs: number) {
      let arrivedMs = nowMs
      return run(() => {
        const sent: number[] = []
        for (; arrivedMs < nowMs; arrivedMs += 1 / perMs) sent.push(arrivedMs)
        return sent
      }, forMs)
    },
    /** The same of so many callers who send the next call as soon as they have an answer, a refusal too. */
    callers(count: number, forMs: number) {
      let free = count
      return run((answered) => {
        const sent = Array.from({ length: free + answered }, () => nowMs)
        free = 0
        return sent
      }, forMs)
    },
  }
}

function mean(values: number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
}

describe('twice what the loop can take', () => {
  test('is accepted and refused about as fast as what it can, for a small part of it', async () => {
    const { load } = simulate()
    const before = await load(0.8 * CAPACITY, 1_000)
    expect(before.refused).toBe(0)
    await load(2 * CAPACITY, 2_000)
    const overload = await load(2 * CAPACITY, 5_000)
    // all that can be accepted when no time is to spare, where each call that is sent and not accepted costs a refusal
    const possible = (1 - 2 * CAPACITY * REFUSE_MS) / (ACCEPT_MS - REFUSE_MS)
    expect(overload.ended / 5_000).toBeGreaterThan(0.7 * possible)
    // with every socket waiting it would be 35 ms
    expect(overload.acceptedMs).toBeLessThan(2 * before.acceptedMs)
    expect(overload.refusedMs).toBeLessThan(2 * before.acceptedMs)
  })

  test('is followed by accepting everything once load drops', async () => {
    const { calls, load } = simulate()
    await load(2 * CAPACITY, 2_000)
    expect(calls.limit).toBeLessThan(CALLS_UNDER_WAY_MAX)
    await load(0.9 * CAPACITY, 3_000)
    expect(await load(0.9 * CAPACITY, 3_000)).toMatchObject({ refused: 0 })
    expect(calls.limit).toBe(CALLS_UNDER_WAY_MAX)
  })
})

test('callers who are no more than fit are let in again, though they ask again at once and the loop has other work', async () => {
  const { calls, load, callers } = simulate({ isBusyOtherwise: true })
  await load(2 * CAPACITY, 1_500)
  expect(calls.limit).toBeLessThan(50)
  const { refusedUntilMs } = await callers(100, 5_000)
  expect(refusedUntilMs).toBeLessThan(3_000)
})

test('a loop that never rests has no fewer let in than the least', () => {
  const loop = new LoopLimit(() => 1)
  for (let window = 0; window < 19; window++) loop.endWindow()
  expect(loop.limit).toBe(CALLS_UNDER_WAY_MIN)
})

test('the utilization that it reads is that of this process, since it last asked', async () => {
  const loop = new LoopLimit()
  loop.startOverload()
  for (const untilMs = performance.now() + 300; performance.now() < untilMs; );
  await new Promise(setImmediate)
  loop.endWindow()
  expect(loop.limit).toBeLessThan(CALLS_UNDER_WAY_MAX)
  const before = loop.limit
  // a window in which the loop rests
  await new Promise((resolve) => setTimeout(resolve, 300))
  loop.endWindow()
  expect(loop.limit).toBeGreaterThan(before)
})
