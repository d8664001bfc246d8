import { median } from '../statistics.ts'
import type { BenchDatabase } from './database.ts'

const COMMITS = 300

/** How long this disk takes for a commit: the median over one-row inserts, one after the other, in ms. */
export async function measureCommitMs({ client }: BenchDatabase): Promise<number> {
  await client.query('create table if not exists commits (id bigserial primary key, at timestamptz not null)')
  const insert = { name: 'commit', text: 'insert into commits (at) values (now())' }
  const elapsedMs: number[] = []
  for (let count = 0; count < COMMITS; count++) {
    const startedAt = performance.now()
    await client.query(insert)
    elapsedMs.push(performance.now() - startedAt)
  }
  return median(elapsedMs)
}
