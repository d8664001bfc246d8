import { describe, expect, test } from 'vitest'
import {
  decide,
  RETRY_AFTER_MAX_MS,
  SUPPLIER_RETRY_DELAY_MAX_MS,
  type SupplierPolicy,
} from '../../../src/domain/supplier/supplier-policy.ts'
import fc from '../../support/properties.ts'

const policy: SupplierPolicy = {
  recheckDelayMs: 15_000,
  recheckLimit: 2,
  recheckFactor: 1,
  attemptsMax: 8,
  retryBaseMs: 1_000,
}
const start = { attempts: 0, rechecks: 0 }

describe('an answer', () => {
  test('"accepted" is checked 15 s later, with the reference', () => {
    expect(decide({ kind: 'accepted', ref: 'r1' }, { attempts: 3, rechecks: 0 }, policy, 0.5)).toEqual({
      kind: 'ask-again',
      delayMs: 15_000,
      progress: start,
      ref: 'r1',
    })
  })

  test('"ok" reserves; "refused" and "fail" end the order', () => {
    expect(decide({ kind: 'ok' }, start, policy, 0)).toEqual({ kind: 'deliver' })
    expect(decide({ kind: 'refused' }, start, policy, 0)).toEqual({
      kind: 'fail',
      reason: 'SUPPLIER_REFUSED',
    })
    expect(decide({ kind: 'fail' }, start, policy, 0)).toEqual({ kind: 'fail', reason: 'SUPPLIER_FAILED' })
  })

  test('"delayed" is re-checked twice, 15 s apart, and the third ends the order', () => {
    const first = decide({ kind: 'delayed' }, start, policy, 0)
    expect(first).toEqual({ kind: 'ask-again', delayMs: 15_000, progress: { attempts: 0, rechecks: 1 } })
    const second = decide({ kind: 'delayed' }, { attempts: 0, rechecks: 1 }, policy, 0)
    expect(second).toEqual({ kind: 'ask-again', delayMs: 15_000, progress: { attempts: 0, rechecks: 2 } })
    const third = decide({ kind: 'delayed' }, { attempts: 0, rechecks: 2 }, policy, 0)
    expect(third).toEqual({ kind: 'fail', reason: 'SUPPLIER_DELAYED' })
  })

  test('"delayed" waits twice as long each time where the factor is 2', () => {
    const doubling = { ...policy, recheckFactor: 2 }
    expect(decide({ kind: 'delayed' }, start, doubling, 0)).toMatchObject({ delayMs: 30_000 })
    expect(decide({ kind: 'delayed' }, { attempts: 0, rechecks: 1 }, doubling, 0)).toMatchObject({
      delayMs: 60_000,
    })
  })
})

describe('a re-check that doubles for ever', () => {
  test('comes at least once a day', () => {
    const eager = { ...policy, recheckFactor: 10, recheckLimit: 1_000 }
    expect(decide({ kind: 'delayed' }, { attempts: 0, rechecks: 500 }, eager, 0)).toMatchObject({
      delayMs: 86_400_000,
    })
  })
})

describe('an error of transport', () => {
  test('uses up no re-check', () => {
    const decision = decide(
      { kind: 'transport-error', detail: '503' },
      { attempts: 1, rechecks: 2 },
      policy,
      0.5,
    )
    expect(decision).toMatchObject({ kind: 'ask-again', progress: { attempts: 2, rechecks: 2 } })
  })

  test('ends the order once the tries are used up, the first included', () => {
    expect(
      decide({ kind: 'transport-error', detail: '503' }, { attempts: 6, rechecks: 0 }, policy, 0),
    ).toMatchObject({
      kind: 'ask-again',
    })
    expect(
      decide({ kind: 'transport-error', detail: '503' }, { attempts: 7, rechecks: 0 }, policy, 0),
    ).toEqual({
      kind: 'fail',
      reason: 'SUPPLIER_UNREACHABLE',
    })
  })

  /** How long it waits after so many tries. */
  function delayAfter(attempts: number, random: number, retryAfterMs?: number): number {
    const patient = { ...policy, attemptsMax: 100 }
    const outcome = { kind: 'transport-error', detail: '503', retryAfterMs } as const
    const decision = decide(outcome, { attempts, rechecks: 0 }, patient, random)
    if (decision.kind !== 'ask-again') throw new Error(`decided ${decision.kind}`)
    return decision.delayMs
  }

  test('waits up to a bound that doubles from the base to 60 s, so that those who failed together come apart', () => {
    expect([0, 1, 2, 5, 6, 50].map((attempts) => delayAfter(attempts, 0.5))).toEqual([
      500, 1_000, 2_000, 16_000, 30_000, 30_000,
    ])
    expect(delayAfter(3, 0)).toBe(0)
  })

  test('waits for the time that the supplier asked for, an hour at most, and then as long as without', () => {
    expect(delayAfter(0, 0, 20_000)).toBe(20_000)
    expect(delayAfter(1, 0.5, 20_000)).toBe(21_000)
    expect(delayAfter(0, 0, 10 ** 9)).toBe(RETRY_AFTER_MAX_MS)
  })

  test('never waits longer than both bounds together', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 98 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.option(fc.integer({ min: 0, max: 10 ** 9 }), { nil: undefined }),
        (attempts, random, retryAfterMs) => {
          const delayMs = delayAfter(attempts, random, retryAfterMs)
          expect(delayMs).toBeGreaterThanOrEqual(0)
          expect(delayMs).toBeLessThanOrEqual(RETRY_AFTER_MAX_MS + SUPPLIER_RETRY_DELAY_MAX_MS)
        },
      ),
    )
  })
})
