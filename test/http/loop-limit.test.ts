import { afterEach, describe, expect, test, vi } from 'vitest'
import { CallsUnderWay } from '../../src/http/calls-under-way.ts'
import { LoopLimit } from '../../src/http/loop-limit.ts'
import { CALLS_UNDER_WAY_MAX, CALLS_UNDER_WAY_MIN } from '../../src/limits.ts'

afterEach(() => void vi.restoreAllMocks())

/** Of the loop, what a call takes that is accepted, and one that is refused, in ms: as it was measured here. */
const ACCEPT_MS = 0.06
const REFUSE_MS = 0.016
/** Calls a millisecond that the loop takes when it refuses none. */
const CAPACITY = 1 / ACCEPT_MS
/** What a commit takes, for which no loop is needed. */
const COMMIT_MS = 2
/** Callers, each with one call: no more than these can wait in their sockets. */
const CONNECTIONS = 2_000

/** Of its sockets, Node reads so many before it looks at anything else. */
const READS_AT_ONCE = 1_024
const IDLE_STEP_MS = 0.1

/** A process whose one loop reads calls from their sockets and lets those that it accepted share a commit, in a time of its own. */
function simulate() {
  let nowMs = 0
  let busyMs = 0
  let askedAtMs = 0
  let arrivedMs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => nowMs)
  const readUtilization = () => {
    const utilization = busyMs / (nowMs - askedAtMs || 1)
    busyMs = 0
    askedAtMs = nowMs
    return utilization
  }
  const calls = new CallsUnderWay(() => {}, new LoopLimit(readUtilization))
  const unread: number[] = []
  let committing: { end: () => void; sentAtMs: number; endsAtMs: number }[] = []
  const spend = (ms: number) => {
    nowMs += ms
    busyMs += ms
  }
  return {
    calls,
    /** @returns of the calls that came at this rate for so long: how many ended and were refused, and the mean times in ms */
    async load(perMs: number, forMs: number) {
      const acceptedMs: number[] = []
      const refusedMs: number[] = []
      arrivedMs = nowMs
      for (const untilMs = nowMs + forMs; nowMs < untilMs; ) {
        for (; arrivedMs < nowMs; arrivedMs += 1 / perMs)
          if (unread.length < CONNECTIONS) unread.push(arrivedMs)
        const ended = committing.filter(({ endsAtMs }) => endsAtMs <= nowMs)
        committing = committing.filter(({ endsAtMs }) => endsAtMs > nowMs)
        for (const { end, sentAtMs } of ended) {
          end()
          acceptedMs.push(nowMs - sentAtMs)
        }
        await Promise.resolve()
        await Promise.resolve()
        const read = unread.splice(0, READS_AT_ONCE)
        if (read.length === 0) nowMs += IDLE_STEP_MS
        const begun: typeof committing = []
        for (const sentAtMs of read) {
          void calls.run<Promise<void> | undefined>(
            () => {
              spend(ACCEPT_MS)
              return new Promise((end) => begun.push({ end, sentAtMs, endsAtMs: 0 }))
            },
            () => {
              spend(REFUSE_MS)
              refusedMs.push(nowMs - sentAtMs)
              return undefined
            },
          )
        }
        committing.push(...begun.map((call) => ({ ...call, endsAtMs: nowMs + COMMIT_MS })))
      }
      return {
        ended: acceptedMs.length,
        refused: refusedMs.length,
        acceptedMs: mean(acceptedMs),
        refusedMs: mean(refusedMs),
      }
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

  test('is nothing refused for, once it is bearable again', async () => {
    const { calls, load } = simulate()
    await load(2 * CAPACITY, 2_000)
    expect(calls.limit).toBeLessThan(CALLS_UNDER_WAY_MAX)
    await load(0.9 * CAPACITY, 3_000)
    expect(await load(0.9 * CAPACITY, 3_000)).toMatchObject({ refused: 0 })
    expect(calls.limit).toBe(CALLS_UNDER_WAY_MAX)
  })
})

test('a loop that never rests has no fewer let in than the least', () => {
  const loop = new LoopLimit(() => 1)
  for (let window = 0; window < 100; window++) loop.endWindow()
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
  await new Promise((resolve) => setTimeout(resolve, 300))
  loop.endWindow()
  expect(loop.limit).toBeGreaterThan(before)
})
