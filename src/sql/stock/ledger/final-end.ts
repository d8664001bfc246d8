import { prepare, type Queryable } from '../../statement.ts'

/** The tables whose rows have numbers of the ledger's sequence. */
type NumberedTable = 'inventory_movements' | 'order_events'

/** For who reads movements alone. */
export const MOVEMENTS: readonly NumberedTable[] = ['inventory_movements']
/** For who reads the outbox of webhooks. */
export const OUTBOX: readonly NumberedTable[] = ['inventory_movements', 'order_events']

/**
 * Waits until tables are final up to where the ledger ends now: each number up to there that they were given is committed, or
 * never will be. A reader that then reads up to there in a later statement misses nothing (docs/decisions/0016-stock-stream-by-id.md).
 *
 * Numbers are drawn by statements that write movements, or order events that webhooks receive. Such a statement first takes the lock
 * ROW EXCLUSIVE of the table, and its transaction keeps it, beside stronger ones and when it is prepared, until others see what it
 * committed. So the wait is for those that held this lock after the end was read, and for nobody else: not for a long transaction
 * that writes other tables, nor for one of another database.
 *
 * @param on not a transaction that has written movements: it would wait for itself
 * @param tables those that are read
 * @param pause waits until the next look at the locks. What it returns is whether there is to be one; what it throws ends the wait
 * @returns the number up to which they are final, 0 for none; undefined if there was no further look
 */
export async function awaitFinalEnd(
  on: Queryable,
  tables: readonly NumberedTable[],
  pause: () => Promise<boolean>,
): Promise<bigint | undefined> {
  const end = await readLedgerEnd(on)
  // in this order: who draws a number later than the end was read has a higher one
  for (let writers = await findWriters(on, tables); writers.length > 0; ) {
    if (!(await pause())) return undefined
    const names = new Set((await findWriters(on, tables)).map(({ writer }) => writer))
    writers = writers.filter(({ writer }) => names.has(writer))
  }
  return end
}

/** Reads the last number that the ledger's sequence gave out; 0 for none. What has it may not be committed yet. */
export async function readLedgerEnd(on: Queryable): Promise<bigint> {
  return (await readEnd(on))[0]!.end
}

// a sequence has no snapshot: it is read as it is at that moment
const readEnd = prepare<[], { end: bigint }>(
  'read-ledger-end',
  `select case when is_called then last_value else 0 end as end from inventory_movements_id_seq`,
)

// No later transaction has the name of one until the server restarts, and then a look fails. Who still waits for the lock has
// drawn nothing. 0.14 ms; 12 ms beside 15,000 locks
const findWriters = prepare<[tables: readonly NumberedTable[]], { writer: string }>(
  'find-ledger-writers',
  `select distinct virtualtransaction as writer from pg_locks
  where locktype = 'relation' and relation = any ($1::text[]::regclass[])
    and mode = 'RowExclusiveLock' and granted
    and database = (select oid from pg_database where datname = current_database())`,
)
