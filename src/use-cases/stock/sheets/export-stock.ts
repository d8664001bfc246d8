import { setTimeout as sleep } from 'node:timers/promises'
import { inTransaction } from '../../../database/transaction.ts'
import { assertAllowed } from '../../../domain/authorisation.ts'
import type { Caller } from '../../../domain/caller.ts'
import { CallError } from '../../../domain/errors.ts'
import type { InventoryMovement } from '../../../domain/stock/stock.ts'
import { type CountSheetRow, findCountSheetPage, findLedgerPage } from '../../../sql/stock/export-pages.ts'
import { awaitFinalEnd, MOVEMENTS } from '../../../sql/stock/ledger/final-end.ts'
import type { ReadContext, WriteContext } from '../../context.ts'

export type { CountSheetRow }

/** Movements of one statement, some 200 kB: a few milliseconds. */
const LEDGER_PAGE_ROWS = 1_000
/** Levels of one statement: of one at which nothing moves, it reads what has moved at the SKU's other levels since. */
const SHEET_PAGE_ROWS = 50
/** Our transactions take milliseconds. */
const SETTLE_POLL_MS = 20
/** The time limit of a single statement: a transaction of ours that is open for longer hangs. */
const SETTLE_TIMEOUT_MS = 5_000

/**
 * Reads every level, page by page, by SKU and location. Each page is read at its own moment, which each row states by its newest
 * movement.
 *
 * @throws {CallError} FORBIDDEN for customers
 */
export async function* exportCountSheet(
  context: WriteContext,
  caller: Caller,
): AsyncGenerator<CountSheetRow[]> {
  assertAllowed(caller, 'readLevels')
  let after = { sku: '', location: '' }
  for (;;) {
    // a statement in a transaction has a longer time limit
    const page = await inTransaction(context, 'read-count-sheet', (tx) =>
      findCountSheetPage(tx, { after, sizeMax: SHEET_PAGE_ROWS }),
    )
    if (page.length > 0) yield page
    if (page.length < SHEET_PAGE_ROWS) return
    after = page.at(-1)!
  }
}

/**
 * Reads the ledger after a movement, page by page, the oldest first, up to the newest when it began. Ids are drawn before their
 * commit, so it begins once the ledger is final up to there: an export that resumes after the last id misses nothing.
 *
 * @param after the id of the last movement that the caller has; null for all
 * @throws {CallError} FORBIDDEN for customers; UNAVAILABLE while an older transaction stays open
 */
export async function* exportLedger(
  { pool }: ReadContext,
  caller: Caller,
  after: bigint | null,
): AsyncGenerator<InventoryMovement[]> {
  assertAllowed(caller, 'readLedger')
  const last = await settle({ pool })
  for (let at = after ?? 0n; ; ) {
    const page = await findLedgerPage(pool, { after: at, last, sizeMax: LEDGER_PAGE_ROWS })
    if (page.length > 0) yield page
    if (page.length < LEDGER_PAGE_ROWS) return
    at = page.at(-1)!.id
  }
}

/** @returns the number up to which the ledger is final */
async function settle({ pool }: ReadContext): Promise<bigint> {
  const deadline = performance.now() + SETTLE_TIMEOUT_MS
  const end = await awaitFinalEnd(pool, MOVEMENTS, async () => {
    await sleep(SETTLE_POLL_MS)
    return performance.now() < deadline
  })
  if (end === undefined) {
    throw new CallError('UNAVAILABLE', 'A transaction that writes movements has been open for long')
  }
  return end
}
