import { setTimeout as sleep } from 'node:timers/promises'
import { median } from '../statistics.ts'
import type { BenchDatabase } from './database.ts'

const COMMITS = 300
const COMMITS_PACED = 100

/** How long this disk takes for a commit: the median over one-row inserts, one after the other, in ms. */
export function measureCommitMs(database: BenchDatabase): Promise<number> {
  return measure(database, COMMITS, 0)
}

/**
 * The same with a pause before each, as where orders come at a rate: processors that have gone idle wake up first, and find
 * nothing of it in their caches.
 *
 * @param perSecond at most
 */
export function measurePacedCommitMs(database: BenchDatabase, perSecond: number): Promise<number> {
  return measure(database, COMMITS_PACED, 1000 / perSecond)
}

async function measure({ client }: BenchDatabase, count: number, pauseMs: number): Promise<number> {
  await client.query('create table if not exists commits (id bigserial primary key, at timestamptz not null)')
  const insert = { name: 'commit', text: 'insert into commits (at) values (now())' }
  const elapsedMs: number[] = []
  while (elapsedMs.length < count) {
    if (pauseMs > 0) await sleep(pauseMs)
    const startedAt = performance.now()
    await client.query(insert)
    elapsedMs.push(performance.now() - startedAt)
  }
  return median(elapsedMs)
}
