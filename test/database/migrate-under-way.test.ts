import { readdir } from 'node:fs/promises'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { UnfitDatabaseError } from '../../src/database/unavailable.ts'
import { query } from '../support/create-database.ts'
import { createEarlierDatabase } from '../support/earlier-version.ts'

test.each([
  ['a worker that beats', `insert into workers (id, started_at, seen_at) values ('w-1', now(), now())`, null],
  ['a process that serves calls', null, 'holdfast-listen'],
  ['a worker before its first beat', null, 'holdfast-worker'],
])('%s is not migrated under: the message says what to do', async (_who, statement, name) => {
  const url = await createEarlierDatabase()
  if (statement) await query(url, statement)
  const end = name ? await stayConnected(url, name) : undefined
  const refused: Error = await migrate(url).then(
    () => new Error('not refused'),
    (error) => error,
  )
  expect(refused).toBeInstanceOf(UnfitDatabaseError)
  expect(refused.message).toMatch(
    /^An earlier version still runs on this database.*: (worker w-1, last seen 0 s ago|holdfast-(listen|worker) from \S+)\. Stop all its processes, and start again/,
  )
  // it can go on
  expect(await query(url, 'select sku, qty, supplier_step from orders limit 1')).toHaveLength(1)
  await end?.()
  if (statement) await query(url, `update workers set seen_at = now() - interval '9 s'`)
  const scripts = (await readdir('prisma/migrations')).filter((name) => /^\d{4}_/.test(name)).sort()
  expect(await migrate(url)).toEqual(scripts.slice(scripts.indexOf('0010_lines')))
})

/** Leaves a connection open under a name. @returns what ends it */
async function stayConnected(url: string, name: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: url, application_name: name })
  await client.connect()
  let ending: Promise<void> | undefined
  const end = () => {
    ending ??= client.end()
    return ending
  }
  onTestFinished(end)
  return end
}
