import { readFile } from 'node:fs/promises'
import type { QueryConfig } from 'pg'
import { NEEDED_JOBS, ORDERS_OF_JOBS, SERVED_SKUS } from '../queue/orders-of-jobs.ts'
import type { Queryable } from '../statement.ts'

/** An invariant that does not hold, for what, what was found, and how it came about: null where that cannot be told. */
export type Breach = { invariant: string; subject: string; detail: string; cause: string | null }

const text = await readFile(new URL('invariants.sql', import.meta.url), 'utf8')

/** Every invariant by its name, in the order of the file. */
export const INVARIANTS: readonly string[] = [...text.matchAll(/^select '((?:[^']|'')+)'/gm)].map((match) =>
  match[1]!.replaceAll("''", "'"),
)

/** With 1,000,000 orders and three times as many movements the longest takes 4 s, and all of them 12 s, from memory. */
const CHECK_TIMEOUT_MS = 300_000

/** In one piece: the planner leaves out what another invariant asks for. */
const byName = `with jobs as (${ORDERS_OF_JOBS}), needed as (${NEEDED_JOBS}), served as (${SERVED_SKUS})
  select * from (${text.replace(/;\s*$/, '')}) as breaches where $1::text is null or invariant = $1`

/**
 * Checks every invariant in one statement, and so at one moment, or only one of them. It reads whole tables.
 */
export async function findBreaches(on: Queryable, invariant: string | null = null): Promise<Breach[]> {
  const config = { text: byName, values: [invariant], query_timeout: CHECK_TIMEOUT_MS } as QueryConfig
  const { rows } = await on.query<Breach>(config)
  return rows
}

/** Lets a transaction that has just begun read whole tables, and nothing else. */
export async function allowFullRead(tx: Queryable): Promise<void> {
  // by their index, as our connections prefer it, 3,000,000 movements are added up in 1.8 s, and in 0.5 s without
  await tx.query(`set transaction read only;
    set local random_page_cost to default;
    set local statement_timeout = ${CHECK_TIMEOUT_MS}`)
}
