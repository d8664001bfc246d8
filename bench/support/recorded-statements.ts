import type pg from 'pg'

/** A statement that the application has run, as it ran it. */
export type RecordedStatement = { name: string | undefined; text: string; values: unknown[] }

/**
 * Records each distinct statement that goes through a pool's connections, with its parameters of the first time.
 * Connections that are open already are replaced.
 *
 * @param keyOf tells which statements are the same
 */
export async function recordStatements(
  pool: pg.Pool,
  keyOf: (statement: RecordedStatement) => string = ({ text }) => text,
): Promise<Map<string, RecordedStatement>> {
  const statements = new Map<string, RecordedStatement>()
  const record = (query: string | pg.QueryConfig, values?: unknown[]) => {
    const { name, text, values: own } = typeof query === 'string' ? { text: query } : { ...query }
    const statement = { name, text, values: own ?? values ?? [] }
    const key = keyOf(statement)
    if (!statements.has(key)) statements.set(key, statement)
  }
  pool.on('connect', (client) => {
    const run = client.query.bind(client) as (...args: unknown[]) => unknown
    client.query = ((...args: [string | pg.QueryConfig, unknown[]?]) => {
      record(...args)
      return run(...args)
    }) as typeof client.query
  })
  await closeIdle(pool)
  return statements
}

/** Takes every connection that waits in the pool, and gives it back to be closed. */
async function closeIdle(pool: pg.Pool): Promise<void> {
  const clients = await Promise.all(Array.from({ length: pool.idleCount }, () => pool.connect()))
  for (const client of clients) client.release(true)
}
