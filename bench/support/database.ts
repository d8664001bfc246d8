import pg from 'pg'
import { findBreaches } from '../../src/sql/upkeep/find-breaches.ts'
import type { BenchContext } from '../scenario.ts'

/** A database with a connection to look into it. Disposing of it drops it. */
export type BenchDatabase = AsyncDisposable & { url: string; client: pg.Client }

/** Far above what any statement of a benchmark takes; the server ends by itself what nobody waits for. */
const LIMITS = { statement_timeout: 600_000 }

/** Makes a fresh database and connects to it. */
export async function openDatabase(context: BenchContext): Promise<BenchDatabase> {
  const { url, drop } = await context.createDatabase()
  const client = new pg.Client({ connectionString: url, application_name: 'holdfast-bench', ...LIMITS })
  await client.connect()
  return {
    url,
    client,
    [Symbol.asyncDispose]: async () => {
      await client.end()
      await drop()
    },
  }
}

/** @throws when an invariant does not hold: what is fast and wrong is not measured */
export async function assertNoBreaches({ client }: Pick<BenchDatabase, 'client'>): Promise<void> {
  // as Holdfast's own connections, and not for what is measured after it
  await client.query('begin; set local jit = off')
  const [breach] = await findBreaches(client)
  await client.query('commit')
  if (breach) throw new Error(`${breach.invariant}: ${breach.subject}, ${breach.detail}`)
}
