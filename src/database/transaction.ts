import pg from 'pg'
import type { Logger } from 'pino'
import type { OrderEvent } from '../domain/orders/order-event.ts'
import type { StockCrossing } from '../domain/stock/thresholds.ts'
import { QUERY_TIMEOUT_MS, SERVER_TIMEOUT_MARGIN_MS } from '../limits.ts'
import { retryCollisions } from './retry-collisions.ts'
import { isConnectionStale, isServerUnfit } from './unavailable.ts'

export type Tx = Pick<pg.PoolClient, 'query'> & {
  /** Adds events that `onEvents` gets after the commit. */
  record: (events: readonly OrderEvent[]) => void
  /** Adds thresholds that stock crossed, which `onCrossings` gets after the commit. */
  recordCrossings: (crossings: readonly StockCrossing[]) => void
}

export type TransactionTracing = {
  transaction<Result>(name: string, run: () => Promise<Result>): Promise<Result>
}

export type TransactionContext = {
  pool: pg.Pool
  logger: Logger
  /** Called with the events of a transaction after its commit, in the order in which they were recorded. */
  onEvents: (events: readonly OrderEvent[]) => void
  /** Called after the commit of a transaction with what stock crossed by it. */
  onCrossings: (crossings: readonly StockCrossing[]) => void
  onTransaction: (run: TransactionRun) => void
  tracing?: TransactionTracing | undefined
}

/** Names of transactions in logs, metrics and traces. */
export const TRANSACTIONS = [
  'adjust-inventories',
  'adjust-inventory',
  'change-orders',
  'check-invariants',
  'create-inventory-item',
  'count-inventory',
  'create-orders',
  'create-webhook',
  'delete-webhook',
  'expire-holds',
  'fail-orders',
  'import-inventory',
  'read-count-sheet',
  'read-status',
  'receive-inventory',
  'redeliver-webhooks',
  'repair-stock',
  'rescue-jobs',
  'reserve-inventory',
  'retire-worker',
  'retry-dead-letters',
  'rotate-webhook-secret',
  'save-location',
  'seal-secrets',
  'serve-waiting',
  'set-stock-rules',
  'split-reservation',
  'settle-supplier-outcomes',
  'settle-attempts',
  'sweep-dead-jobs',
  'sweep-deleted-webhooks',
  'sweep-delivered',
  'sweep-disabled',
  'sweep-failing',
  'sweep-given-up',
  'sweep-lost-queues',
  'sweep-old-imports',
  'sweep-old-keys',
  'sweep-orphans',
  'sweep-secrets',
  'sweep-unsent',
  'test-webhook',
  'transfer-inventory',
  'update-webhook',
  'wake-sender',
  'write-deliveries',
] as const
export type TransactionName = (typeof TRANSACTIONS)[number]

/** A transaction that is over. A commit whose reply was lost counts as failed. */
export type TransactionRun = { name: TransactionName; outcome: 'committed' | 'failed'; durationMs: number }

/** Longer than for a statement by itself, for which a caller waits: a transaction may wait for locks. */
const BEGIN = `begin; set local statement_timeout = ${QUERY_TIMEOUT_MS - SERVER_TIMEOUT_MARGIN_MS}`

/**
 * Runs `work` in a transaction: commits when it returns, rolls back when it throws. Retries after a deadlock or a serialization
 * failure, so `work` may have effects only through `tx`.
 *
 * @throws what `work` throws, or a `pg.DatabaseError`
 */
export async function inTransaction<Result>(
  context: TransactionContext,
  name: TransactionName,
  work: (tx: Tx) => Promise<Result>,
): Promise<Result> {
  const { result, events, crossings } = await retryCollisions(
    () => timed(context, name, () => once(context, work)),
    (error, tries) =>
      context.logger.debug({ err: error, transaction: name, tries }, 'transaction collided, retrying'),
  )
  if (events.length > 0) context.onEvents(events)
  if (crossings.length > 0) context.onCrossings(crossings)
  return result
}

/**
 * Runs a part of a transaction, and rolls it back where it returns null: what it wrote is gone and what it locked is free.
 *
 * @returns what `work` returns
 */
export async function rollBackUnlessDone<Result>(
  tx: Tx,
  work: () => Promise<Result | null>,
): Promise<Result | null> {
  await tx.query('savepoint part')
  const result = await work()
  if (result === null) await tx.query('rollback to savepoint part; release savepoint part')
  return result
}

/**
 * Runs a single statement, which is a transaction by itself: `begin` and `commit` would cost two more round trips. The pool
 * retries it after a collision, like every single statement.
 */
export function inOneStatement<Result>(
  context: TransactionContext,
  name: TransactionName,
  work: (on: pg.Pool) => Promise<Result>,
): Promise<Result> {
  return timed(context, name, () => work(context.pool))
}

async function timed<Result>(
  context: TransactionContext,
  name: TransactionName,
  run: () => Promise<Result>,
): Promise<Result> {
  const startedAtMs = performance.now()
  let outcome: TransactionRun['outcome'] = 'failed'
  try {
    const result = await (context.tracing ? context.tracing.transaction(name, run) : run())
    outcome = 'committed'
    return result
  } finally {
    context.onTransaction({ name, outcome, durationMs: performance.now() - startedAtMs })
  }
}

/** Errors that were thrown before their transaction's commit was sent. */
const undone = new WeakSet<object>()

/** Whether an error's transaction certainly had no effect, because its commit was never sent. */
export function isUndone(error: unknown): boolean {
  return error instanceof Error && undone.has(error)
}

async function once<Result>(context: TransactionContext, work: (tx: Tx) => Promise<Result>) {
  const client = await context.pool.connect()
  const events: OrderEvent[] = []
  const crossings: StockCrossing[] = []
  let firstError: unknown
  const send = (...args: Parameters<pg.PoolClient['query']>) => {
    const sent = client.query(...args) as unknown as Promise<unknown>
    sent.catch((error) => {
      firstError ??= error
    })
    return sent
  }
  const tx: Tx = {
    query: send as unknown as pg.PoolClient['query'],
    record: (more) => {
      events.push(...more)
    },
    recordCrossings: (more) => {
      crossings.push(...more)
    },
  }
  let broken: Error | undefined
  let isCommitSent = false
  try {
    await client.query(BEGIN)
    const result = await work(tx)
    isCommitSent = true
    const { command } = await client.query('commit')
    // PostgreSQL answers ROLLBACK to the commit of a transaction in which a statement failed
    if (command !== 'COMMIT') throw new Error(`PostgreSQL answered the commit with ${command}`)
    return { result, events, crossings }
  } catch (thrown) {
    // of statements that were sent together, one behind the one that failed may be heard of first
    const error = isFollowUp(thrown) ? firstError : thrown
    if (!isCommitSent && error instanceof Error) undone.add(error)
    // a client that cannot roll back is discarded, and its transaction with it; so is one that hangs, or whose server or
    // prepared statements are no longer usable
    if (error instanceof pg.DatabaseError && !isServerUnfit(error) && !isConnectionStale(error)) {
      await client.query('rollback').catch((cause: Error) => {
        broken = cause
      })
    } else {
      broken = error as Error
    }
    throw error
  } finally {
    client.release(broken)
  }
}

/** Whether a statement failed only because one before it had: 25P02, in_failed_sql_transaction. */
function isFollowUp(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '25P02'
}
