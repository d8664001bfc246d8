import pg from 'pg'
import { findBreaches } from '../../src/sql/upkeep/find-breaches.ts'

/** Breaches that a message lists. */
const LISTED_MAX = 20

/**
 * Checks every invariant but those that are `allowed` to be broken. They hold at any moment between two transactions: with
 * work under way, and after a crash.
 *
 * @throws where one does not hold, with what breaks it
 */
export async function assertInvariants(
  databaseUrl: string,
  allowed: ReadonlySet<string> = new Set(),
): Promise<void> {
  // a table that stays locked fails the check with its name, and not the hook by its time-out
  const client = new pg.Client({ connectionString: databaseUrl, lock_timeout: 20_000 })
  await client.connect()
  // as Holdfast's own connections: to compile the statement takes 3 s
  await client.query('set jit = off')
  try {
    const breaches = (await findBreaches(client)).filter(({ invariant }) => !allowed.has(invariant))
    if (breaches.length === 0) return
    const lines = breaches
      .slice(0, LISTED_MAX)
      .map(({ invariant, subject, detail, cause }) => [invariant, subject, detail, cause].join(': '))
    throw new Error(
      `${breaches.length} breaches of invariants. A test that means to break them says so by allowBreaches()\n${lines.join('\n')}`,
    )
  } finally {
    await client.end()
  }
}
