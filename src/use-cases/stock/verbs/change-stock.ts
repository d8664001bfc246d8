import type { TransactionName, Tx } from '../../../database/transaction.ts'
import type { Caller } from '../../../domain/caller.ts'
import type { UserError } from '../../../domain/errors.ts'
import type { Order } from '../../../domain/orders/order.ts'
import { findOrders } from '../../../sql/orders/find-orders.ts'
import { findMovementsById } from '../../../sql/stock/ledger/find-movements.ts'
import { assertKey } from '../../assert-key.ts'
import type { WriteContext } from '../../context.ts'
import { fingerprintOf } from '../../fingerprint.ts'
import { type Done, underKey } from '../../under-key.ts'
import { type BulkOptions, type BulkOutcome, type BulkRow, changeMany } from '../change-many.ts'

/** A call that changes stock, with what its verb makes of it. */
export type StockChangeCall = {
  verb: string
  /** The name of its transaction. */
  name: TransactionName
  rows: readonly BulkRow[]
  options: BulkOptions
  /** A repeat under the same key answers with what the call made, as it now is; null for none. */
  idempotencyKey: string | null
  /** What tells the call from another under the same key: the input, after defaults. */
  input: object
}

export type Changed = { outcomes: readonly BulkOutcome[]; unreserved: readonly Order[] }

/**
 * Changes stock, once under one key. What is refused, and what is only tried, uses up none.
 *
 * @param answer makes the answer of what came of the rows, in their transaction
 * @returns the refusal if the caller used the key for something else
 * @throws {CallError} BAD_USER_INPUT for a malformed key
 */
export function changeStock<Answer>(
  context: WriteContext,
  caller: Caller,
  { verb, name, rows, options, idempotencyKey, input }: StockChangeCall,
  answer: (tx: Tx, changed: Changed) => Promise<Answer>,
): Promise<Answer | { userErrors: [UserError] }> {
  assertKey(idempotencyKey)
  const isKeyed = idempotencyKey !== null && !options.dryRun
  const key = isKeyed ? { key: idempotencyKey, fingerprint: fingerprintOf(verb, input) } : null
  return underKey(
    context,
    { caller, name, verb, key },
    async (tx): Promise<Done<Answer, Made>> => {
      const changed = await changeMany(context, tx, caller, rows, options)
      const isChanged = changed.outcomes.some(({ after }) => after !== null)
      return { result: await answer(tx, changed), made: isChanged ? toMade(changed) : null }
    },
    async (tx, made) => answer(tx, await readMade(tx, made)),
  )
}

/** What a call made, as its key keeps it: numbers as JSON cannot have them are texts. */
type Made = {
  outcomes: {
    before: string | null
    after: string | null
    movement: string | null
    userErrors: MadeError[]
  }[]
  unreserved: string[]
}
type MadeError = Omit<UserError, 'limit'> & { limit?: string }

function toMade({ outcomes, unreserved }: Changed): Made {
  return {
    outcomes: outcomes.map(({ before, after, movement, userErrors }) => ({
      before: textOf(before),
      after: textOf(after),
      movement: movement && String(movement.id),
      userErrors: userErrors.map(({ limit, ...error }) =>
        limit === undefined ? error : { ...error, limit: String(limit) },
      ),
    })),
    unreserved: unreserved.map(({ id }) => id),
  }
}

async function readMade(tx: Tx, { outcomes, unreserved }: Made): Promise<Changed> {
  const ids = outcomes.flatMap(({ movement }) => (movement === null ? [] : [BigInt(movement)]))
  const [movements, orders] = await Promise.all([
    findMovementsById(tx, ids),
    unreserved.length > 0 ? findOrders(tx, unreserved) : [],
  ])
  const movementOf = new Map(movements.map((movement) => [String(movement.id), movement]))
  return {
    outcomes: outcomes.map(({ before, after, movement, userErrors }) => ({
      before: numberOf(before),
      after: numberOf(after),
      movement: movement === null ? null : movementOf.get(movement)!,
      userErrors: userErrors.map(({ limit, ...error }) =>
        limit === undefined ? error : { ...error, limit: BigInt(limit) },
      ),
    })),
    unreserved: orders,
  }
}

function textOf(number: bigint | null): string | null {
  return number === null ? null : String(number)
}

function numberOf(text: string | null): bigint | null {
  return text === null ? null : BigInt(text)
}
