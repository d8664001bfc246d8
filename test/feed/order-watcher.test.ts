import { describe, expect, it } from 'vitest'
import { noSuchOrder, tokenExpired } from '../../src/domain/authorisation.ts'
import { CallError } from '../../src/domain/errors.ts'
import { createWatchTally } from '../../src/feed/watch-tally.ts'
import { orderAt, watch } from './watch-order.ts'

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
