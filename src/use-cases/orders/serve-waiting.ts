import { inTransaction, type Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import { waitingOf } from '../../domain/orders/order-line.ts'
import type { JobTry } from '../../domain/upkeep/jobs.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { endServing, findTurn, hasPassedOver, passOverOrders } from '../../sql/orders/waiting-queue.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { lockStock } from '../../sql/stock/lock-stock.ts'
import type { ReadContext, WriteContext } from '../context.ts'
import { PASSED_OVER_MS } from '../in-halves.ts'
import { judgeServed } from '../stock/write-moves.ts'
import { findEarlierRequests } from '../supplier/ask-suppliers.ts'
import { failOrders } from './fail-orders.ts'
import { type GiveContext, giveStock } from './give-stock.ts'
import { writeChanges } from './write-changes.ts'

export type ServeContext = WriteContext & GiveContext

/** Orders of one pass. */
const SERVE_BATCH_MAX = 500
/** Delay after a pass that served nobody because another transaction was ahead: that one is still at work. */
const NEXT_PASS_DELAY_MS = 20
/** Orders given up in one try of the job. If more cannot be served, the orders are not the cause: the job is tried again. */
const GUILTY_MAX = 10

/**
 * Serves the queue of a SKU in one bounded pass, oldest order first: waiting orders that fit, and new orders, whether they fit or not.
 * If more are left, it writes the next job in the same commit; otherwise it removes the mark and judges the SKU by its thresholds.
 *
 * Does nothing without a mark, so a repeat is harmless. Two passes at once take turns by their locks.
 */
export async function serveWaiting(
  context: ServeContext,
  { sku, job }: { sku: string; job?: JobTry },
): Promise<void> {
  await inTransaction(context, 'serve-waiting', async (tx) => {
    const { served, isMore } = await servePass(context, tx, { sku, job, sizeMax: SERVE_BATCH_MAX })
    if (!isMore) return
    const delayMs = served > 0 ? 0 : NEXT_PASS_DELAY_MS
    await addJobs(tx, [{ task: 'serve-waiting', payload: { sku }, delayMs }])
  })
}

/**
 * Serves the orders of one pass in a transaction each, if they cannot be served together. Gives up an order that cannot be served
 * alone, and goes on with those behind it.
 *
 * @param isTransient whether an error says nothing about the order
 * @throws a transient error; any, once GUILTY_MAX orders were given up
 */
export async function serveOneByOne(
  context: ServeContext,
  { sku, job, isTransient }: { sku: string; job: JobTry; isTransient: (error: unknown) => boolean },
): Promise<void> {
  let guilty = 0
  for (let count = 0; count < SERVE_BATCH_MAX; count++) {
    let turn: string | undefined
    const onTurn = (id: string) => {
      turn = id
    }
    try {
      const { served } = await inTransaction(context, 'serve-waiting', (tx) =>
        servePass(context, tx, { sku, job, sizeMax: 1, onTurn }),
      )
      if (served === 0) return
    } catch (error) {
      if (turn === undefined || isTransient(error) || guilty === GUILTY_MAX) throw error
      guilty++
      await giveUp(context, turn, { job, error, isTransient })
    }
  }
}

/** Fails an order that cannot be served, or passes it over for a while if it cannot fail: it keeps its place in the queue. */
async function giveUp(
  context: ServeContext,
  orderId: string,
  { job, error, isTransient }: { job: JobTry; error: unknown; isTransient: (error: unknown) => boolean },
): Promise<void> {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const letter = { task: 'serve-waiting', payload: { orderId }, error: text, attempts: job.attempt } as const
  try {
    const failed = await failOrders(context, [letter])
    if (failed.has(orderId)) return
    // part of it was shipped, and no event leads from there to FAILED
    context.logger.error({ err: error, orderId }, 'order cannot be served, passed over')
  } catch (failure) {
    if (isTransient(failure)) throw failure
    context.logger.error({ err: failure, orderId }, 'order can neither be served nor fail, passed over')
  }
  await passOverOrders(context.pool, [orderId], PASSED_OVER_MS)
}

/** Returns whether the queue of a SKU contains an order that was passed over before. */
export function hasSuspects({ pool }: ReadContext, sku: string): Promise<boolean> {
  return hasPassedOver(pool, sku)
}

type Pass = {
  sku: string
  job?: JobTry | undefined
  sizeMax: number
  onTurn?: (orderId: string) => void
}

/** @returns how many orders were looked at, and whether it is still somebody's turn; if not, the mark was removed */
async function servePass(
  context: ServeContext,
  tx: Tx,
  { sku, job, sizeMax, onTurn }: Pass,
): Promise<{ served: number; isMore: boolean }> {
  const locked = await lockOrders(tx, await findLinkedTurn(tx, sku, sizeMax))
  const skus = new Set([sku, ...locked.flatMap(({ lines }) => lines.map(({ sku }) => sku))])
  const isNew = ({ status }: Order) => status === 'PENDING'
  const [stock, earlier] = await Promise.all([
    lockStock(tx, [...skus]),
    findEarlierRequests(tx, locked.filter(isNew)),
  ])
  if (!stock.serving.has(sku)) return { served: 0, isMore: false }
  const waited = locked.flatMap(({ lines }) => lines.filter((line) => waitingOf(line) > 0))
  const served = new Set([sku, ...waited.map(({ sku }) => sku).filter((sku) => stock.serving.has(sku))])
  // read again: orders may have come and gone before the locks
  const due = await findTurn(tx, served, sizeMax)
  const orders = firstOf(due.ids, locked)
  const last = orders.at(-1)
  if (last) onTurn?.(last.id)
  const { changes, beside, at } = giveStock(context, { orders, stock, earlier, sourceOf: () => ({ job }) })
  const [, still] = await Promise.all([writeChanges(tx, changes, beside, at), endServing(tx, served)])
  const moves = changes.flatMap(({ change }) => change.moves)
  await judgeServed(
    tx,
    [...served].filter((sku) => !still.has(sku)),
    moves,
    stock,
  )
  return { served: orders.length, isMore: still.has(sku) }
}

/** Rounds of looking for further queues of a pass's orders. Orders beyond take their turn in another pass. */
const LINKS_MAX = 10

/**
 * Finds the first orders of a SKU's queue and of the other queues that they are in: an order that waits for several SKUs takes its
 * turn in all of them.
 *
 * @returns their ids, oldest first
 */
async function findLinkedTurn(tx: Tx, sku: string, sizeMax: number): Promise<string[]> {
  const skus = new Set([sku])
  for (let rounds = 1; ; rounds++) {
    const turn = await findTurn(tx, skus, sizeMax)
    const more = turn.skus.filter((sku) => !skus.has(sku))
    if (more.length === 0 || rounds === LINKS_MAX) return turn.ids
    for (const sku of more) skus.add(sku)
  }
}

/** Returns the first orders whose turn it is, up to one that is not locked: it came meanwhile, and takes its turn in the next pass. */
function firstOf(due: readonly string[], locked: readonly Order[]): Order[] {
  const orderOf = new Map(locked.map((order) => [order.id, order]))
  const end = due.findIndex((id) => !orderOf.has(id))
  return (end === -1 ? due : due.slice(0, end)).map((id) => orderOf.get(id)!)
}
