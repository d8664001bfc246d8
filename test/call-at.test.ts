import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { callAt } from '../src/call-at.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const DAY_MS = 24 * 3_600_000

test.each([0, 1, 1_500, DAY_MS, 400 * DAY_MS])('calls back after %i ms, and not before', (delayMs) => {
  const callback = vi.fn()
  callAt(new Date(Date.now() + delayMs), callback)
  vi.advanceTimersByTime(Math.max(0, delayMs - 1))
  expect(callback).toHaveBeenCalledTimes(delayMs === 0 ? 1 : 0)
  vi.advanceTimersByTime(2)
  expect(callback).toHaveBeenCalledTimes(1)
})

test('calls back for a moment that has passed, but not at once', () => {
  const callback = vi.fn()
  callAt(new Date(Date.now() - 5), callback)
  expect(callback).not.toHaveBeenCalled()
  vi.advanceTimersByTime(1)
  expect(callback).toHaveBeenCalledTimes(1)
})

test('never calls back without a moment, or once it is called off', () => {
  const callback = vi.fn()
  callAt(null, callback)()
  callAt(new Date(Date.now() + 5), callback)()
  vi.advanceTimersByTime(DAY_MS)
  expect(callback).not.toHaveBeenCalled()
})
