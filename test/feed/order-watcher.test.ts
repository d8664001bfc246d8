import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { noSuchOrder, tokenExpired } from '../../src/domain/authorisation.ts'
import { CallError } from '../../src/domain/errors.ts'
import type { Order } from '../../src/domain/order.ts'
import type { OrderStatus } from '../../src/domain/order-status.ts'
import { OrderWatcher } from '../../src/feed/order-watcher.ts'
import { createWatchTally } from '../../src/feed/watch-tally.ts'

function orderAt(version: number, status: OrderStatus = 'PENDING'): Order {
  return {
    id: '01890a5d-ac96-774b-bcce-b302099a8057',
    sku: 'BOLT',
    qty: 1,
    status,
    failureReason: status === 'FAILED' ? 'INTERNAL_ERROR' : null,
    supplierRef: null,
    customerId: null,
    supplierStep: 0,
    supplierAttempts: 0,
    supplierRechecks: 0,
    version,
    createdAt: new Date(0),
    updatedAt: new Date(0),
  }
}

function watch(afterVersion = 0, authorise: (order: Order) => void = () => {}) {
  const closed: OrderWatcher[] = []
  const tally = createWatchTally()
  const watcher = new OrderWatcher(orderAt(1).id, afterVersion, authorise, (one) => closed.push(one), tally)
  return { watcher, closed, tally }
}

const done = { done: true, value: undefined }
const shows = (version: number) => ({ done: false, value: expect.objectContaining({ version }) })

it('shows what was offered before it was asked', async () => {
  const { watcher } = watch()
  watcher.offer(orderAt(1))
  expect(await watcher.next()).toEqual(shows(1))
})

it('shows what is offered while it is waited for', async () => {
  const { watcher } = watch()
  const next = watcher.next()
  watcher.offer(orderAt(1))
  expect(await next).toEqual(shows(1))
})

it('shows a slow client the newest alone', async () => {
  const { watcher } = watch()
  for (const version of [1, 2, 3, 4]) watcher.offer(orderAt(version))
  expect(await watcher.next()).toEqual(shows(4))
  const next = watcher.next()
  watcher.offer(orderAt(5))
  expect(await next).toEqual(shows(5))
})

it.each([1, 2, 3])('does not show version %i after version 3', async (version) => {
  const { watcher } = watch()
  watcher.offer(orderAt(3))
  await watcher.next()
  const next = watcher.next()
  watcher.offer(orderAt(version))
  watcher.offer(orderAt(4))
  expect(await next).toEqual(shows(4))
})

it('asks anew at each delivery whether it may show it, and ends with the refusal', async () => {
  const refusal = new Error('not yours any more')
  let isAllowed = true
  const { watcher, closed } = watch(0, () => {
    if (!isAllowed) throw refusal
  })
  watcher.offer(orderAt(1))
  expect(await watcher.next()).toEqual(shows(1))
  // it was offered while it was allowed, and is asked for when it no longer is
  watcher.offer(orderAt(2))
  isAllowed = false
  await expect(watcher.next()).rejects.toBe(refusal)
  expect(closed).toEqual([watcher])
  isAllowed = true
  watcher.offer(orderAt(3))
  expect(await watcher.next()).toEqual(done)
})

it('does not show what its client has seen', async () => {
  const { watcher } = watch(2)
  const next = watcher.next()
  watcher.offer(orderAt(1))
  watcher.offer(orderAt(2))
  watcher.offer(orderAt(3))
  expect(await next).toEqual(shows(3))
})

describe('ends', () => {
  it('after it has shown that the order failed', async () => {
    const { watcher, closed } = watch()
    watcher.offer(orderAt(2, 'FAILED'))
    expect(closed).toEqual([watcher])
    expect(await watcher.next()).toEqual(shows(2))
    expect(await watcher.next()).toEqual(done)
    expect(await watcher.next()).toEqual(done)
  })

  it.each([2, 3, 2_147_483_647])(
    'for an order that failed at version 2 and a client that has seen %i',
    async (seen) => {
      const { watcher, closed } = watch(seen)
      const next = watcher.next()
      watcher.offer(orderAt(2, 'FAILED'))
      expect(await next).toEqual(done)
      expect(closed).toEqual([watcher])
    },
  )

  it('not for a failure that is past', async () => {
    const { watcher, closed } = watch()
    watcher.offer(orderAt(4, 'PENDING'))
    watcher.offer(orderAt(3, 'FAILED'))
    expect(closed).toEqual([])
    expect(await watcher.next()).toEqual(shows(4))
  })

  it('not when the order is reserved', async () => {
    const { watcher, closed } = watch()
    watcher.offer(orderAt(2, 'RESERVED'))
    expect(await watcher.next()).toEqual(shows(2))
    expect(closed).toEqual([])
  })

  it('at once when its client leaves, whether or not it waits', async () => {
    const { watcher, closed } = watch()
    const next = watcher.next()
    expect(await watcher.return()).toEqual(done)
    expect(await next).toEqual(done)
    watcher.offer(orderAt(1))
    expect(await watcher.next()).toEqual(done)
    expect(await watcher.return()).toEqual(done)
    expect(closed).toEqual([watcher])
  })
})

describe('fails', () => {
  const error = new Error('going away')

  it('after it has shown what there was to see, and once', async () => {
    const { watcher, closed } = watch()
    watcher.offer(orderAt(1))
    watcher.fail(error)
    watcher.offer(orderAt(2))
    expect(closed).toEqual([watcher])
    expect(await watcher.next()).toEqual(shows(1))
    await expect(watcher.next()).rejects.toBe(error)
    expect(await watcher.next()).toEqual(done)
  })

  it('at once where its client waits', async () => {
    const { watcher } = watch()
    const next = watcher.next()
    watcher.fail(error)
    await expect(next).rejects.toBe(error)
  })

  it('not when it has ended', async () => {
    const { watcher, closed } = watch()
    watcher.offer(orderAt(2, 'FAILED'))
    watcher.fail(error)
    expect(await watcher.next()).toEqual(shows(2))
    expect(await watcher.next()).toEqual(done)
    expect(closed).toEqual([watcher])
  })

  it('not for a client that has left', async () => {
    const { watcher } = watch()
    watcher.fail(error)
    await watcher.return()
    expect(await watcher.next()).toEqual(done)
  })
})

describe('counts', () => {
  it('what is handed out, and what a newer state replaced before', async () => {
    const { watcher, tally } = watch()
    for (const version of [1, 2, 3]) watcher.offer(orderAt(version))
    await watcher.next()
    const next = watcher.next()
    watcher.offer(orderAt(4))
    // one that comes late is nothing that was missed
    watcher.offer(orderAt(2))
    await next
    expect(tally).toMatchObject({ open: 1, deliveries: 2, coalesced: 2 })
    await watcher.return()
    await watcher.return()
    expect(tally).toMatchObject({ open: 0, deliveries: 2, coalesced: 2 })
  })

  it.each([
    ['token-expired', tokenExpired()],
    ['not-visible', noSuchOrder('x')],
    ['going-away', new CallError('UNAVAILABLE', 'going away')],
  ] as const)('a view that is dropped once, as %s', async (reason, error) => {
    for (const isRefusedToo of [false, true]) {
      const { watcher, tally } = watch(0, () => {
        if (isRefusedToo) throw error
      })
      watcher.offer(orderAt(1))
      if (!isRefusedToo) await watcher.next()
      watcher.fail(error)
      await expect(watcher.next()).rejects.toBe(error)
      watcher.fail(error)
      expect(tally).toMatchObject({ open: 0, dropped: { ...createWatchTally().dropped, [reason]: 1 } })
    }
  })

  it('a view that is refused its last state as dropped', async () => {
    const { watcher, tally } = watch(0, () => {
      throw tokenExpired()
    })
    watcher.offer(orderAt(2, 'FAILED'))
    await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    expect(tally).toMatchObject({ open: 0, deliveries: 0, dropped: { 'token-expired': 1 } })
  })
})

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
