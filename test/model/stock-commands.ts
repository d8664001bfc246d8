import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { saveLocation } from '../../src/use-cases/stock/save-location.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { countInventory } from '../../src/use-cases/stock/verbs/count-inventory.ts'
import { receiveInventory } from '../../src/use-cases/stock/verbs/receive-inventory.ts'
import { transferInventory } from '../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { as, command } from './command.ts'
import { adjustment, isPending, keeping, pickFrom, picks, savedLocation } from './inputs.ts'
import { isShortOf, type ModelAdjustment, type ModelOrder, waitingOf } from './model-data.ts'
import { byJson, findMovementId } from './read-state.ts'
import { how, run, times } from './real.ts'
import { reservePending, serveWaiting } from './reserving.ts'
import { adjustLevel, type Keeping, type Kept, keep } from './stock-keeping.ts'

export const save = command('saveLocation', savedLocation, async (model, real, asked) => {
  const { userErrors } = await saveLocation(real.first, LOCAL_OPERATOR, asked)
  expect(userErrors[0]?.code ?? null).toBe(model.saveLocation(asked.code, asked.priority, asked.isActive))
})

export const adjust = command(
  'adjustInventory',
  fc.record({
    adjustment,
    unknown: fc.nat(9).map((n) => n === 0),
    expectation: fc.constantFrom(null, null, 0, 1),
    how,
  }),
  async (model, real, { adjustment, unknown, expectation, how }) => {
    const { available } = model.level(adjustment.sku, adjustment.location)
    const expectedAvailable = expectation === null ? null : available + expectation
    const what = { ...adjustment, ...(unknown && { sku: 'NONE' }), expectedAvailable }
    const results = await run(real, how, (app) => adjustOnce(app, what))
    // of two at the same time, it is open which comes first
    const order = how === 'at the same time' ? byJson : () => 0
    expect(results.sort(order)).toEqual(times(how, () => adjustLevel(model, what)).sort(order))
  },
)

/** New orders are reserved while a queue is being served: they take their turn in it. Those of other SKUs do not wait. */
export const reserveWhileServed = command(
  'reserveWhileServed',
  fc.record({ adjustment, picks }),
  async (model, real, { adjustment, picks }) => {
    const { sku, location } = adjustment
    const what = { sku, location, delta: Math.abs(adjustment.delta), expectedAvailable: null }
    const picked = new Set(picks.map((pick) => pickFrom(model.orders, isPending, pick)))
    const orders = [...picked].filter(isPending)
    const isQueued = model.orders.some((order) => isShortOf(order, sku))
    const adjusted = await adjustOnce(real.first, what)
    await reserveOrders(
      real.second,
      orders.map(({ id }) => id),
    )
    expect(adjusted).toEqual(adjustLevel(model, what))
    const isServed = isQueued && !('refused' in adjusted)
    const isLate = ({ lines }: ModelOrder) =>
      isServed && lines.some((line) => line.sku === sku && waitingOf(line) > 0)
    reservePending(
      model,
      orders.filter((order) => !isLate(order)).map(({ id }) => id),
    )
    serveWaiting(model, orders.filter(isLate))
  },
  (model) => model.orders.some(isPending),
)

export const keepStock = command(
  'keepStock',
  fc.record({ keeping, how }),
  async (model, real, { keeping, how }) => {
    const act = await keepReal(real.first, keeping)
    const answers = await run(real, how, act)
    expect(answers.sort(byJson)).toEqual(times(how, () => structuredClone(keep(model, keeping))).sort(byJson))
  },
)

/** Reads what a call names, and gives what makes it, in the words of the model. */
export async function keepReal({ pool }: App, asked: Keeping): Promise<(app: App) => Promise<Kept>> {
  const { idempotencyKey } = asked
  const caller = as(asked.caller)
  if (asked.verb === 'receiveInventory') {
    return async (app) => {
      const { level, userErrors } = await receiveInventory(app, caller, { ...asked, idempotencyKey })
      if (!level) return { refused: userErrors.map(({ code }) => code) }
      return { level: { available: Number(level.available), reserved: Number(level.reserved) } }
    }
  }
  if (asked.verb === 'transferInventory') {
    return async (app) => {
      const { movements, userErrors } = await transferInventory(app, caller, asked)
      return userErrors.length > 0
        ? { refused: userErrors.map(({ code }) => code) }
        : { moved: movements.length }
    }
  }
  const { location } = asked
  const counts = await Promise.all(
    asked.counts.map(async ({ sku, counted, asOf }) => ({
      sku,
      counted: BigInt(counted),
      asOf: asOf === null ? null : await findMovementId(pool, sku, location, asOf),
    })),
  )
  const request = {
    location,
    counts,
    reason: 'counted',
    onShortfall: asked.mayUnreserve ? 'UNRESERVE_NEWEST' : 'REFUSE',
    errorPolicy: asked.maySkip ? 'SKIP_FAILED' : 'ALL_OR_NOTHING',
    dryRun: asked.isDry,
    idempotencyKey,
  } as const
  const numberOf = (value: bigint | null | undefined) =>
    value === null || value === undefined ? null : Number(value)
  return async (app) => {
    const { results, unreserved, userErrors } = await countInventory(app, caller, request)
    if (results.length === 0) return { refused: userErrors.map(({ code }) => code) }
    return {
      counts: results.map(({ before, after, movement, userErrors: [error] }) => ({
        before: numberOf(before),
        after: numberOf(after),
        delta: movement?.delta ?? null,
        error: error?.code ?? null,
        limit: numberOf(error?.limit),
      })),
      unreserved: unreserved.map(({ id }) => id),
    }
  }
}

async function adjustOnce(app: App, adjustment: ModelAdjustment) {
  const { inventoryItem, movement, userErrors } = await adjustInventory(app, LOCAL_OPERATOR, {
    ...adjustment,
    expectedAvailable: adjustment.expectedAvailable === null ? null : BigInt(adjustment.expectedAvailable),
    reason: 'counted',
  })
  if (!inventoryItem) return { refused: userErrors[0].code }
  const { sku, location, delta } = adjustment
  expect(movement).toMatchObject({ sku, location, delta, type: 'ADJUSTMENT', orderId: null })
  return { available: Number(inventoryItem.available), reserved: Number(inventoryItem.reserved) }
}
