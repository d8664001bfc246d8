import { describe, expect, test } from 'vitest'
import {
  DELIVERY_ATTEMPTS_MAX,
  DELIVERY_RETRY_AFTER_MAX_MS,
  outcomeOf,
  retryDelayMs,
} from '../../../src/domain/webhooks/delivery-policy.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

test('tries come at 0, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h and 24 h after the one before, and then no more', () => {
  const delays = Array.from({ length: DELIVERY_ATTEMPTS_MAX }, (_, index) =>
    retryDelayMs(index + 1, { retryAfterMs: null }, 0),
  )
  expect(delays).toEqual([
    5 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
    null,
  ])
})

test('a delay is up to a tenth longer, so that what failed together does not come together', () => {
  expect(retryDelayMs(2, { retryAfterMs: null }, 0.5)).toBe(5 * MINUTE * 1.05)
})

test('a receiver may ask for a longer delay, up to a day, and not for a shorter one', () => {
  expect(retryDelayMs(1, { retryAfterMs: 60 * SECOND }, 0)).toBe(60 * SECOND)
  expect(retryDelayMs(3, { retryAfterMs: 60 * SECOND }, 0)).toBe(30 * MINUTE)
  expect(retryDelayMs(1, { retryAfterMs: 1_000 * HOUR }, 0)).toBe(DELIVERY_RETRY_AFTER_MAX_MS)
})

describe('the answer', () => {
  test.each([
    [200, 'delivered'],
    [204, 'delivered'],
    [299, 'delivered'],
    [199, 'failed'],
    [301, 'failed'],
    [404, 'failed'],
    [410, 'gone'],
    [500, 'failed'],
    [null, 'failed'],
  ])('%s: %s', (responseStatus, outcome) => {
    expect(outcomeOf({ responseStatus })).toBe(outcome)
  })
})
