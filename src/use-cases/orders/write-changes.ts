import { v7 as uuidv7 } from 'uuid'
import type { Tx } from '../../database/transaction.ts'
import { type Order, type OrderEvent, type OrderLine, waitingOf } from '../../domain/orders/order.ts'
import type { OrderChange } from '../../domain/orders/order-change.ts'
import { type Origin, traceIdOf } from '../../domain/origin.ts'
import type { StockChangeNote } from '../../domain/stock/stock.ts'
import type { SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import type { Job, JobTry } from '../../domain/upkeep/jobs.ts'
import { type ChangedLine, KEEP_QUEUED, moveOrders } from '../../sql/orders/move-orders.ts'
import { notifyWatchers } from '../../sql/orders/notify-watchers.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import type { LockedStock } from '../../sql/stock/lock-stock.ts'
import { saveRequests } from '../../sql/supplier/supplier-requests.ts'
import { insertDeadLetters, type NewDeadLetter } from '../../sql/upkeep/dead-letters.ts'
import { writeMoves } from '../stock/write-moves.ts'

/** A change of a locked order: who made it and why, or the job run that did, and what an order that was given up leaves. */
export type SourcedChange = {
  change: OrderChange
  actor?: string
  note?: string | null
  deadLetter?: DeadLetter | undefined
  origin?: Origin | undefined
  job?: JobTry | undefined
}

/** What is written with changes of orders. */
export type Beside = {
  /** Locked: every level of the SKUs that are moved. */
  stock: LockedStock
  requests?: readonly SupplierRequest[]
  jobs?: readonly Job[]
  /** Of the movements. */
  note?: Omit<StockChangeNote, 'createdAt'>
}

/**
 * Writes changes of locked orders, in the caller's transaction: orders, lines, events, stock, dead letters, requests, jobs and
 * one notification. Each table is written once: call it once in a transaction, with one change of an order at the most.
 *
 * @throws {Error} if an order has changed since its lock: a bug
 */
export async function writeChanges(
  tx: Tx,
  changes: readonly SourcedChange[],
  { stock, requests = [], jobs = [], note = {} }: Beside,
  at: Date,
): Promise<void> {
  const events: OrderEvent[] = []
  const lines: ChangedLine[] = []
  for (const sourced of changes) {
    const event = eventOf(sourced)
    if (!event) continue
    addChangedLines(lines, sourced.change, events.length)
    events.push(event)
  }
  const moves = changes.flatMap(({ change }) => change.moves)
  const lowered = changes.flatMap(({ change }) => loweredBy(change))
  // sent together: if the first statement finds that an order has changed, nothing is committed
  const [written] = await Promise.all([
    moveOrders(tx, events, lines, at),
    writeMoves(tx, moves, { stock, note: { ...note, createdAt: at }, alsoServed: lowered }),
    saveRequests(tx, requests),
    addJobs(tx, jobs),
    insertDeadLetters(tx, events.flatMap(letterOf)),
    notifyWatchers(
      tx,
      events.map(({ order: { id, version }, origin }) => ({ id, version, traceparent: origin?.traceparent })),
    ),
  ])
  if (written.orders !== events.length || written.lines !== lines.length) {
    throw new Error(
      `${events.length - written.orders} orders and ${lines.length - written.lines} lines changed under their lock`,
    )
  }
  tx.record(events)
}

/** @returns null where nothing of the order changed */
function eventOf({ change, actor, note, deadLetter, origin, job }: SourcedChange): OrderEvent | null {
  const { before, after, event } = change
  if (!event) return null
  return {
    type: event.type,
    from: before.status,
    lines: event.lines,
    order: after,
    actor: actor ?? null,
    note: note ?? null,
    origin: origin ?? deadLetter?.payload.origin,
    job,
    deadLetter,
  }
}

function addChangedLines(lines: ChangedLine[], { before, after }: OrderChange, event: number): void {
  for (const [index, line] of after.lines.entries()) {
    const { reserved, shipped, cancelled, returned } = before.lines[index]!
    const isAsBefore =
      line.reserved === reserved &&
      line.shipped === shipped &&
      line.cancelled === cancelled &&
      line.returned === returned
    const queuedQty = queuedQtyOf(after, line)
    const isQueuedAnew = after.status !== before.status && queuedQty !== null
    if (!isAsBefore || isQueuedAnew) lines.push({ event, line, queuedQty })
  }
}

/** A line's place in the queue of its SKU: nothing of an order that is neither new nor short is in any. */
function queuedQtyOf({ status }: Order, line: OrderLine): number | null {
  const waiting = waitingOf(line)
  if (waiting === 0) return null
  if (status === 'AWAITING_RESTOCK') return waiting
  return status === 'PENDING' ? KEEP_QUEUED : null
}

/** The SKUs that an order still waits for after a part of it was cancelled: what is there may do for it now. */
function loweredBy({ after, event }: OrderChange): string[] {
  if (event?.type !== 'OrderCancelled' || after.status !== 'AWAITING_RESTOCK') return []
  return after.lines.filter((line) => waitingOf(line) > 0).map(({ sku }) => sku)
}

function letterOf({ order, origin, deadLetter }: OrderEvent): NewDeadLetter[] {
  if (!deadLetter) return []
  const traceId = traceIdOf(order, origin)
  const payload = { ...deadLetter.payload, origin }
  return [{ ...deadLetter, payload, id: uuidv7(), orderId: order.id, traceId, createdAt: order.updatedAt }]
}
