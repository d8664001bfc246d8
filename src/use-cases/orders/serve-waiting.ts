import { inTransaction, type Tx } from '../../database/transaction.ts'
import { type Order, waitingOf } from '../../domain/orders/order.ts'
import type { JobTry } from '../../domain/upkeep/jobs.ts'
import { lockOrders } from '../../sql/orders/find-orders.ts'
import { endServing, findTurn, noteTurn } from '../../sql/orders/waiting-queue.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import { type LockedStock, lockStock } from '../../sql/stock/lock-stock.ts'
import type { WriteContext } from '../context.ts'
import { judgeServed } from '../stock/write-moves.ts'
import { findEarlierRequests } from '../supplier/ask-suppliers.ts'
import { failOrders } from './fail-orders.ts'
import { type GiveContext, giveStock } from './give-stock.ts'
import { writeChanges } from './write-changes.ts'

export type ServeContext = WriteContext & GiveContext

/** Orders of one pass. */
const SERVE_BATCH_MAX = 500
/** A pass that has to wait for another SKU's comes again after this: some passes. */
const NEXT_PASS_DELAY_MS = 20
/** Orders that are failed at once. Where more of a queue cannot be served, it is not theirs: the job is tried again. */
const GUILTY_MAX = 10

/**
 * Serves those who wait for a SKU, in the order of their creation, in one bounded pass. Each gets what it waits for, or is passed
 * over if it does not fit; new orders that came meanwhile take their turn. If more may fit behind the last one, a job of the
 * same commit goes on; else the SKU is being served no more, and is judged by its thresholds.
 *
 * Without a mark there is nothing to do, so a repeat is harmless, and so are two at once: locks have them take turns.
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
 * Serves those of one pass in a transaction each, for a queue that cannot be served together: who cannot be served alone either
 * is FAILED with a dead letter, and those behind it are served.
 *
 * @param isTransient whether an error says nothing about the order
 * @throws a transient error; any, once GUILTY_MAX orders have failed
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
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
      const payload = { orderId: turn }
      await failOrders(context, [{ task: 'serve-waiting', payload, error: text, attempts: job.attempt }])
    }
  }
}

type Pass = { sku: string; job?: JobTry | undefined; sizeMax: number; onTurn?: (orderId: string) => void }

/** @returns how many were looked at, and whether more may fit: if not, the SKU has no mark any more */
async function servePass(
  context: ServeContext,
  tx: Tx,
  { sku, job, sizeMax, onTurn }: Pass,
): Promise<{ served: number; isMore: boolean }> {
  const candidates = await findTurn(tx, sku, sizeMax)
  if (!candidates) return { served: 0, isMore: false }
  const locked = await lockOrders(tx, candidates)
  const skus = new Set([sku, ...locked.flatMap(({ lines }) => lines.map(({ sku }) => sku))])
  const [stock, earlier, due] = await Promise.all([
    lockStock(tx, [...skus]),
    findEarlierRequests(
      tx,
      locked.filter(({ status }) => status === 'PENDING'),
    ),
    // again: what came, and who left, before the locks
    findTurn(tx, sku, sizeMax),
  ])
  if (!due) return { served: 0, isMore: false }
  const orders = await firstOf(tx, sku, due, locked, stock)
  const last = orders.at(-1)
  if (last) onTurn?.(last.id)
  const { changes, beside, at } = giveStock(context, { orders, stock, earlier, sourceOf: () => ({ job }) })
  const [, , next] = await Promise.all([
    writeChanges(tx, changes, beside, at),
    last && noteTurn(tx, sku, last.id),
    findTurn(tx, sku, 1),
  ])
  const isMore = next!.length > 0
  if (!isMore) {
    const moves = changes.flatMap(({ change }) => change.moves)
    await Promise.all([endServing(tx, sku), judgeServed(tx, sku, moves, stock)])
  }
  return { served: orders.length, isMore }
}

/**
 * The first orders whose turn it is, as far as they are locked. Whoever is not came between, and takes its turn in the next
 * pass. So does one that waits for another SKU too, and has others before it there that are being served.
 */
async function firstOf(
  tx: Tx,
  sku: string,
  due: readonly string[],
  locked: readonly Order[],
  { serving }: LockedStock,
): Promise<Order[]> {
  const orderOf = new Map(locked.map((order) => [order.id, order]))
  const others = [...serving].filter((other) => other !== sku)
  const firsts = await Promise.all(
    others.map(async (other) => [other, (await findTurn(tx, other, 1))?.[0]] as const),
  )
  const firstOfOther = new Map(firsts)
  const isBehind = ({ id, lines }: Order) =>
    lines.some((line) => waitingOf(line) > 0 && (firstOfOther.get(line.sku) ?? id) < id)
  const end = due.findIndex((id) => {
    const order = orderOf.get(id)
    return !order || isBehind(order)
  })
  return (end === -1 ? due : due.slice(0, end)).map((id) => orderOf.get(id)!)
}
