import fc from 'fast-check'
import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { DeadLetter } from '../../src/domain/upkeep/dead-letter.ts'
import { expireHolds } from '../../src/use-cases/orders/expire-holds.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { splitReservation } from '../../src/use-cases/orders/reserve-inventory.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { type SweepResult, sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { dropJobs, killJobs } from '../support/queue.ts'
import { ATTEMPTS_MAX, command, hasJobs, hasOrders, NO_ORDER } from './command.ts'
import { isOpenHold, outcome, pick, pickFrom, pickJobs, picks } from './inputs.ts'
import { isFinal, isOpen } from './model-data.ts'
import { AGE, findJobIds, readLetterIds } from './read-state.ts'
import { how, run, times } from './real.ts'
import { endHolds, giveUp, retryLetters, sweepJobs } from './upkeep.ts'
import { work } from './work.ts'

export const fail = command(
  'failOrders',
  fc.record({
    jobs: fc.array(fc.record({ pick, late: fc.constantFrom(0, 0, 1, -1), isCall: fc.boolean() }), {
      minLength: 1,
      maxLength: 5,
    }),
    how,
  }),
  async (model, real, { jobs, how }) => {
    const failures = jobs.map(({ pick, late, isCall }) => {
      const rest = { error: `gave up ${pick}`, attempts: ATTEMPTS_MAX }
      if (isCall && model.requests.length > 0) {
        const { orderId, sku, step } = pickFrom(model.requests, isOpen, pick)
        return { orderId, task: 'check-supplier-status', sku, step: step - late, ...rest }
      }
      const order = pickFrom(model.orders, (order) => !isFinal(order), pick)
      return { orderId: order.id, task: 'reserve-inventory', sku: null, step: null, ...rest }
    })
    const given = failures.map(({ orderId, task, sku, step, error, attempts }) => {
      const payload = step === null ? { orderId } : { orderId, sku, step }
      return { task, payload, error, attempts } as DeadLetter
    })
    await run(real, how, (app) => failOrders(app, given))
    times(how, () => giveUp(model, failures))
  },
  hasOrders,
)

export const retry = command(
  'retryDeadLetters',
  fc.record({ picks, how }),
  async (model, real, { picks, how }) => {
    // letters have no ids in the model: the n-th of an order is the n-th of the order
    const byOrder = Map.groupBy(await readLetterIds(real.first.pool), ({ orderId }) => orderId)
    const idOf = new Map(
      [...Map.groupBy(model.letters, ({ orderId }) => orderId)].flatMap(([orderId, letters]) =>
        letters.map((letter, n) => [letter, byOrder.get(orderId)![n]!.id] as const),
      ),
    )
    const letters = picks.map((pick) => pickFrom(model.letters, (letter) => !letter.retried, pick))
    const ids = [...letters.map((letter) => idOf.get(letter)!), NO_ORDER, 'nonsense']
    const retried = (await run(real, how, (app) => retryDeadLetters(app, LOCAL_OPERATOR, ids))).flat()
    const expected = times(how, () => retryLetters(model, letters)).flat()
    expect(retried.sort()).toEqual(expected.map((letter) => idOf.get(letter)!).sort())
  },
  (model) => model.letters.length > 0,
)

export const workSome = command(
  'work',
  fc.record({ picks, outcomes: fc.array(outcome, { minLength: 1, maxLength: 3 }), how }),
  async (model, real, { picks, outcomes, how }) => {
    const jobs = [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
    await work(model, real, jobs, outcomes, how)
  },
  hasJobs,
)

const PUT_BACK = `update orders set expires_at = clock_timestamp() - interval '1 hour' where id = any ($1::uuid[])`

/** Has the time of holds pass. Those that a worker has not ended yet are as good as ended. */
export const expire = command(
  'expireHolds',
  fc.record({ picks, isSeen: fc.constantFrom(true, true, false), how }),
  async (model, real, { picks, isSeen, how }) => {
    const holds = picks.map((pick) => pickFrom(model.orders, isOpenHold, pick)).filter(({ hold }) => hold)
    for (const order of holds) order.hold = 'past'
    await real.first.pool.query(PUT_BACK, [holds.map(({ id }) => id)])
    if (!isSeen) return
    const expected = endHolds(model)
    // several workers share several holds: which of them releases first is open
    const counts = await run(real, how !== 'once' && expected > 1 ? 'twice' : how, (app) => expireHolds(app))
    expect(counts.reduce((sum, { expired }) => sum + expired, 0)).toBe(expected)
  },
  hasOrders,
)

export const split = command(
  'splitReservation',
  fc.record({ pick, how }),
  async (model, real, { pick, how }) => {
    const job = pickFrom(model.jobs, (job) => job.orderIds.length > 1, pick)
    if (job.step !== null) return
    const ids = await findJobIds(real.first.pool, [job])
    await run(real, how, (app) =>
      splitReservation(
        app,
        job.orderIds.map((orderId) => ({ orderId })),
      ),
    )
    times(how, () => model.split(job.orderIds))
    await dropJobs(real.first.pool, { ids })
    model.removeJobs([job])
  },
  hasJobs,
)

export const sweepUp = command(
  'sweep',
  fc.record({
    lost: fc.array(pick, { maxLength: 3 }),
    dead: fc.array(pick, { maxLength: 2 }),
    oldKeys: fc.array(pick, { maxLength: 1 }),
    error: fc.constantFrom('gone', null),
    how,
  }),
  async (model, real, { lost, dead, oldKeys, error, how }) => {
    const lostJobs = pickJobs(model, lost)
    await dropJobs(real.first.pool, { ids: await findJobIds(real.first.pool, lostJobs) })
    model.removeJobs(lostJobs)
    const deadJobs = pickJobs(model, dead).sort((a, b) => model.jobs.indexOf(a) - model.jobs.indexOf(b))
    await killJobs(real.first.pool, error, { ids: await findJobIds(real.first.pool, deadJobs) })
    const keys =
      model.keys.size === 0 ? [] : oldKeys.map((pick) => pickFrom([...model.keys.keys()], () => true, pick))
    await real.first.pool.query(AGE, [keys])

    const swept = await run(real, how, (app) => sweep(app))
    const lastError = error ?? 'The process ended during the last attempt'
    const letters = deadJobs.map((job) => ({ job, error: lastError, attempts: ATTEMPTS_MAX }))
    // of two at the same time, one leaves what remains to the other where it finds it at it
    expect(countSwept(swept)).toEqual(sweepJobs(model, letters, keys))
  },
)

/** How much sweeps did, all together; nothing failed. */
export function countSwept(sweeps: readonly SweepResult[]) {
  expect(sweeps.flatMap(({ failures, setAside }) => [...failures, ...setAside])).toEqual([])
  return {
    requeued: sweeps.flatMap(({ requeued }) => requeued).length,
    buried: sweeps.flatMap(({ buried }) => buried).length,
    keysDeleted: sweeps.reduce((sum, { keysDeleted }) => sum + keysDeleted, 0),
  }
}
