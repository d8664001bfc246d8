import type { Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { OrderChange } from '../../domain/orders/order-change.ts'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import { type OrderLine, waitingOf } from '../../domain/orders/order-line.ts'
import { type Origin, traceIdOf } from '../../domain/origin.ts'
import type { InventoryMovement, StockChangeNote, StockMove } from '../../domain/stock/stock.ts'
import type { SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import type { Job, JobTry } from '../../domain/upkeep/jobs.ts'
import { type ChangedLine, KEEP_QUEUED, moveOrders } from '../../sql/orders/move-orders.ts'
import { notifyWatchers } from '../../sql/orders/notify-watchers.ts'
import { addJobs } from '../../sql/queue/add-jobs.ts'
import type { LockedStock } from '../../sql/stock/lock-stock.ts'
import { saveRequests } from '../../sql/supplier/supplier-requests.ts'
import { insertDeadLetters, type NewDeadLetter } from '../../sql/upkeep/dead-letters.ts'
import { newId } from '../new-id.ts'
import { type MoveOptions, writeMoves, writeMovesReturning } from '../stock/write-moves.ts'

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
  beside: Beside,
  at: Date,
): Promise<void> {
  const moves = changes.flatMap(({ change }) => change.moves)
  await write(tx, changes, beside, at, (options) => writeMoves(tx, moves, options))
}

/**
 * The same, with moves of stock that no order makes, behind those of the orders.
 *
 * @returns the movements of those
 */
export async function writeChangesAndMoves(
  tx: Tx,
  changes: readonly SourcedChange[],
  moves: readonly StockMove[],
  beside: Beside,
  at: Date,
): Promise<InventoryMovement[]> {
  const ofOrders = changes.flatMap(({ change }) => change.moves)
  const movements = await write(tx, changes, beside, at, (options) =>
    writeMovesReturning(tx, [...ofOrders, ...moves], options),
  )
  return movements.slice(ofOrders.length)
}

async function write<Written>(
  tx: Tx,
  changes: readonly SourcedChange[],
  { stock, requests = [], jobs = [], note = {} }: Beside,
  at: Date,
  writeStock: (options: MoveOptions) => Promise<Written>,
): Promise<Written> {
  const events: OrderEvent[] = []
  const lines: ChangedLine[] = []
  for (const sourced of changes) {
    const event = eventOf(sourced)
    if (!event) continue
    addChangedLines(lines, sourced.change, events.length)
    events.push(event)
  }
  const alsoServed = changes.flatMap(({ change }) => toServeAgain(change))
  // sent together: if the first statement finds that an order has changed, nothing is committed
  const [written, movements] = await Promise.all([
    moveOrders(tx, events, lines, at),
    writeStock({ stock, note: { ...note, createdAt: at }, alsoServed }),
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
  return movements
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
  if (status === 'AWAITING_RESTOCK' || status === 'PARTIALLY_SHIPPED') return waiting
  return status === 'PENDING' ? KEEP_QUEUED : null
}

/**
 * Returns SKUs whose waiting orders may fit now although no stock of them came in: the order wants less than before, another of
 * its lines is reserved, or it gave up a line at one location that another location may cover.
 */
function toServeAgain({ after, event }: OrderChange): string[] {
  if (event?.type === 'OrderUnreserved') return event.lines!.map(({ sku }) => sku)
  const isLowered =
    (event?.type === 'OrderCancelled' && after.status !== 'PENDING') ||
    // goods of one line came; only who asks suppliers takes those of another by themselves
    (event?.type === 'OrderReserved' && after.ifShort !== 'ASK_SUPPLIER')
  return isLowered ? after.lines.filter((line) => waitingOf(line) > 0).map(({ sku }) => sku) : []
}

function letterOf({ order, origin, deadLetter }: OrderEvent): NewDeadLetter[] {
  if (!deadLetter) return []
  const traceId = traceIdOf(order, origin)
  const payload = { ...deadLetter.payload, origin }
  return [{ ...deadLetter, payload, id: newId(), orderId: order.id, traceId, createdAt: order.updatedAt }]
}
