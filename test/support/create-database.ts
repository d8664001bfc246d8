import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'
import { assertInvariants } from './assert-invariants.ts'
import { administer, withDatabase } from './database-server.ts'

/** An empty database, owned by a role without other rights. Its invariants are checked when the test ends; then both are dropped. */
export async function createOwnedDatabase(
  options = '',
): Promise<{ url: string; role: string; name: string }> {
  const templateUrl = inject('templateUrl')
  const name = `holdfast_${randomBytes(6).toString('hex')}`
  await administer(templateUrl, `create role ${name} login password '${name}'`)
  onTestFinished(() => administer(templateUrl, `drop role ${name}`))
  await administer(templateUrl, `create database ${name} owner ${name} ${options}`)
  onTestFinished(async () => {
    try {
      await checkInvariants(withDatabase(templateUrl, name))
    } finally {
      await administer(templateUrl, `drop database ${name} with (force)`)
    }
  })
  const url = new URL(withDatabase(templateUrl, name))
  url.username = name
  url.password = name
  return { url: url.href, role: name, name }
}

/** Checks the invariants of a database that was migrated, in whichever schema its tables are. */
async function checkInvariants(url: string): Promise<void> {
  const [found] = await query(
    url,
    `select quote_ident(tables.schemaname) as schema
    from pg_tables as tables join pg_tables as jobs on jobs.schemaname = 'graphile_worker' and jobs.tablename = '_private_jobs'
    where tables.tablename = 'invariant_checks'`,
  )
  if (!found) return
  // a space would begin another option
  const options = `-csearch_path=${found.schema.replaceAll(' ', '\\ ')}`
  await assertInvariants(`${url}?options=${encodeURIComponent(options)}`)
}

/** Runs statements in a database as a superuser. */
export async function queryAsSuperuser(name: string, text: string) {
  return query(withDatabase(inject('templateUrl'), name), text)
}

/** Runs statements on a connection of their own. */
export async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(text)
    return rows
  } finally {
    await client.end()
  }
}
