import { readTraceparent } from '../../domain/origin.ts'
import type { DeadLetter } from '../../domain/upkeep/dead-letter.ts'
import { prepare, type Queryable } from '../statement.ts'

export type NewDeadLetter = DeadLetter & { id: string; orderId: string; traceId: string; createdAt: Date }

/** Writes dead letters, in the transaction that ends their orders. */
export async function insertDeadLetters(on: Queryable, letters: readonly NewDeadLetter[]): Promise<void> {
  if (letters.length === 0) return
  await insert(
    on,
    letters.map((letter) => letter.id),
    letters.map((letter) => letter.orderId),
    letters.map((letter) => letter.task),
    letters.map((letter) => JSON.stringify(letter.payload)),
    letters.map((letter) => letter.error),
    letters.map((letter) => letter.attempts),
    letters.map((letter) => letter.traceId),
    letters.map((letter) => letter.createdAt),
  )
}

const insert = prepare(
  'insert-dead-letters',
  `insert into dead_letters (id, order_id, task, payload, error, attempts, trace_id, created_at)
  select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::int[], $7::text[], $8::timestamptz[])`,
)

/** Locks those among `ids` that nobody has retried yet, oldest first. @returns the span too that the work goes back to, if any */
export async function lockOpenDeadLetters(on: Queryable, ids: readonly string[]) {
  const rows = await lockOpen(on, ids)
  return rows.map((row) => ({ ...row, traceparent: readTraceparent(row.traceparent) }))
}

const lockOpen = prepare<
  [ids: readonly string[]],
  { id: string; orderId: string; traceparent: string | null }
>(
  'lock-open-dead-letters',
  `select id, order_id as "orderId", payload #>> '{origin,traceparent}' as traceparent
  from dead_letters join (select distinct unnest($1::uuid[]) as id) as wanted using (id)
  where retried_at is null
  order by id for update of dead_letters`,
)

export const closeDeadLetters = prepare<[ids: readonly string[], retriedAt: Date]>(
  'close-dead-letters',
  'update dead_letters set retried_at = $2 where id = any ($1::uuid[])',
)
