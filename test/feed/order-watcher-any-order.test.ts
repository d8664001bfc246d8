import { describe, expect, it } from 'vitest'
import type { Order } from '../../src/domain/orders/order.ts'
import type { OrderWatcher } from '../../src/feed/order-watcher.ts'
import fc from '../support/properties.ts'
import { orderAt, watch } from './watch-order.ts'

type Step = { kind: 'offer'; version: number } | { kind: 'next' | 'return' | 'fail' | 'turn' }

const steps = fc.array(
  fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('offer' as const), version: fc.integer({ min: 1, max: 12 }) }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constantFrom('next' as const, 'turn' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('return' as const, 'fail' as const) }) },
  ),
  { maxLength: 40 },
)
/** In which versions the order is FAILED. */
const failures = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 2 })
const seen = fc.integer({ min: -1, max: 14 })

/** Takes the steps, and tells what came out of every next(), in the order in which it did. */
async function run(watcher: OrderWatcher, taken: readonly Step[], failed: readonly number[]) {
  const results: IteratorResult<Order, undefined>[] = []
  const errors: Error[] = []
  let pending = 0
  const pull = () => {
    pending++
    watcher
      .next()
      .then((result) => results.push(result))
      .catch((error) => errors.push(error))
      .finally(() => pending--)
  }
  for (const step of taken) {
    if (step.kind === 'offer')
      watcher.offer(orderAt(step.version, failed.includes(step.version) ? 'FAILED' : 'PENDING'))
    else if (step.kind === 'next') pull()
    else if (step.kind === 'fail') watcher.fail(new Error('going away'))
    else if (step.kind === 'return') void watcher.return()
    else await settle()
  }
  await settle()
  return {
    pull,
    settle,
    pending: () => pending,
    errors,
    versions: () => results.flatMap(({ value }) => (value ? [value.version] : [])),
  }
}

const settle = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('whatever is offered and asked in any order', () => {
  it('shows versions that rise strictly, and none that its client has seen', async () => {
    await fc.assert(
      fc.asyncProperty(steps, failures, seen, async (taken, failed, afterVersion) => {
        const { watcher } = watch(afterVersion)
        const versions = (await run(watcher, taken, failed)).versions()
        expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b))
        for (const version of versions) expect(version).toBeGreaterThan(afterVersion)
      }),
    )
  })

  it('shows the newest in the end, to a client that stays', async () => {
    await fc.assert(
      fc.asyncProperty(steps, failures, seen, async (taken, failed, afterVersion) => {
        const stays = taken.filter(({ kind }) => kind !== 'return')
        const { watcher } = watch(afterVersion)
        const { pull, versions } = await run(watcher, stays, failed)
        pull()
        await settle()
        // once the newest that was offered is a failure, or the watcher has failed, nothing after it counts
        let newest = 0
        for (const step of stays) {
          if (step.kind === 'fail') break
          if (step.kind !== 'offer' || failed.includes(newest)) continue
          newest = Math.max(newest, step.version)
        }
        if (newest > Math.max(0, afterVersion)) expect(versions().at(-1)).toBe(newest)
        else expect(versions()).toEqual([])
      }),
    )
  })

  it('leaves nobody waiting once it has ended, and says once that it has', async () => {
    await fc.assert(
      fc.asyncProperty(steps, failures, seen, async (taken, failed, afterVersion) => {
        const { watcher, closed } = watch(afterVersion)
        const { pull, pending, errors } = await run(watcher, taken, failed)
        // one call at most waits at any time: asking again answers the one before
        expect(pending()).toBeLessThanOrEqual(1)
        await watcher.return()
        pull()
        pull()
        await settle()
        expect(pending()).toBe(0)
        expect(errors.length).toBeLessThanOrEqual(1)
        expect(closed).toEqual([watcher])
      }),
    )
  })
})
