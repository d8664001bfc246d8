import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { fingerprintOf } from '../../src/use-cases/fingerprint.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { createOrders } from '../../src/use-cases/orders/order-intake.ts'
import { readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { as, command } from './command.ts'
import { answerTo, placeOrder } from './creating.ts'
import { wishes } from './inputs.ts'
import type { ModelWish } from './model-data.ts'
import { fromOrder, visible } from './read-state.ts'
import { together } from './real.ts'
import { reservePending } from './reserving.ts'

export const createInCalls = command('createOrder', wishes, async (model, real, wishes) => {
  const earlier = new Set((await readJobs(real.first.pool)).map(({ id }) => id))
  const before = wishes.map((wish) => answerTo(model, wish))
  const answers = await together(
    wishes.map((wish, index) => place(index % 2 === 0 ? real.first : real.second, wish, index % 3 === 0)),
  )
  const created = answers.map(({ order }, index) => {
    const wish = wishes[index]!
    // which of several that share a free key comes first is open: it is the one whose order they got
    const isNew = order && isAs(order, wish) && !model.find(order.id)
    return isNew && answerTo(model, wish) === null ? placeOrder(model, order.id, wish) : null
  })
  const expected = wishes.map((wish, index) => {
    // whether another had taken its key when one that is refused anyway was looked at is open
    const isRefusedAnyway =
      typeof before[index] === 'string' && answers[index]!.userErrors[0]?.code === before[index]
    return created[index] ?? (isRefusedAnyway ? before[index] : answerTo(model, wish))
  })
  expect(answers.map(({ order, userErrors }) => (order ? fromOrder(order) : userErrors[0]!.code))).toEqual(
    expected.map((answer) => (typeof answer === 'object' && answer ? visible(answer) : answer)),
  )
  // which application wrote an order that both were asked for under one key is open, and so whose job it is in
  const jobs = (await readJobs(real.first.pool)).filter(({ id }) => !earlier.has(id))
  expect(jobs.length).toBeLessThanOrEqual(2)
  expect(jobs.flatMap(({ orderIds }) => orderIds).sort()).toEqual(
    created.flatMap((order) => order?.id ?? []).sort(),
  )
  for (const { orderIds } of jobs) {
    expect(orderIds).toEqual(orderIds.toSorted())
    model.enqueueCommit(orderIds)
  }
})

/** Whether an order is what was wished for. */
function isAs(order: Parameters<typeof fromOrder>[0], wish: ModelWish): boolean {
  const ordered = order.lines.map(({ sku, qty }) => ({ sku, qty }))
  const named = wish.locations && [...new Set(wish.locations)]
  const [seen, wished] = [
    [ordered, order.locations, order.ifShort, order.expiresAt !== null],
    [wish.lines, named, wish.ifShort, wish.holdSeconds !== null],
  ]
  return JSON.stringify(seen) === JSON.stringify(wished)
}

/** Most are reserved at once: else few would ever wait for the same SKU. */
const batch = fc.record({ wishes, isReserved: fc.constantFrom(true, true, false) })
export const createInBatch = command(
  'createOrders',
  batch,
  async (model, real, { wishes: all, isReserved }) => {
    // malformed ones never get as far
    const keyless = (wish: ModelWish) => answerTo(model, { ...wish, idempotencyKey: null })
    const isWell = (wish: ModelWish) => {
      const answer = keyless(wish)
      const names = [...wish.lines.map(({ sku }) => sku), ...(wish.locations ?? [])]
      return (
        (answer === null || /^UNKNOWN/.test(String(answer))) &&
        !names.includes('?') &&
        wish.locations?.length !== 0
      )
    }
    const wishes = all.filter(isWell)
    if (wishes.length === 0) return
    const insertions = await createOrders(
      real.first,
      wishes.map(({ lines, locations, ifShort, holdSeconds, caller, idempotencyKey }) => {
        const input = {
          customerId: null,
          reference: null,
          lines: lines.map(({ sku, qty }) => ({ sku, qty })),
          locations: locations && [...new Set(locations)],
          holdSeconds,
        }
        const named = { ...input, ifShort: ifShort === 'ASK_SUPPLIER' ? null : ifShort }
        const fingerprint = fingerprintOf('createOrder', named)
        return {
          ...input,
          ifShort,
          caller,
          key: idempotencyKey === null ? null : { key: idempotencyKey, fingerprint },
        }
      }),
    )
    const refusals = wishes.map(keyless)
    for (const [index, { order }] of insertions.entries()) {
      if (!order) continue
      // a second order under one key finds the first
      expect(answerTo(model, wishes[index]!)).toBeNull()
      expect(fromOrder(order)).toEqual(visible(placeOrder(model, order.id, wishes[index]!)))
    }
    model.enqueueCommit(insertions.flatMap(({ order }) => order?.id ?? []))
    const outcomes = { UNKNOWN_SKU: 'unknown-skus', UNKNOWN_LOCATION: 'unknown-locations' }
    expect(insertions.map(({ outcome }) => outcome)).toEqual(
      insertions.map(({ order }, index) => {
        const refusal = refusals[index] as keyof typeof outcomes | null
        if (refusal !== null) return outcomes[refusal]
        return order ? 'created' : 'key-taken'
      }),
    )
    // what was not created has its key taken
    for (const [index, { order }] of insertions.entries())
      if (!order) expect(answerTo(model, wishes[index]!)).not.toBeNull()
    if (!isReserved) return
    const ids = insertions.flatMap(({ order }) => order?.id ?? [])
    await reserveOrders(real.second, ids)
    reservePending(model, ids)
  },
)

/** An order of one line without a list, now and then. */
export function place(app: App, { caller, lines, ...wish }: ModelWish, isShort = false) {
  const what = isShort && lines.length === 1 ? lines[0]! : { lines }
  return createOrder(app, as(caller), { ...what, ...wish, customerId: null })
}
