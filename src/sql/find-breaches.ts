import { readFile } from 'node:fs/promises'
import type { Queryable } from './statement.ts'

/** An invariant that does not hold, for what, and what was found. */
export type Breach = { invariant: string; subject: string; detail: string }

const text = await readFile(new URL('invariants.sql', import.meta.url), 'utf8')

/** Checks every invariant in one statement, and so at one moment. It reads every row of every table. */
export async function findBreaches(on: Queryable): Promise<Breach[]> {
  const { rows } = await on.query<Breach>(text)
  return rows
}
