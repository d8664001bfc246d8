import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'
import { administer, withDatabase } from './database-server.ts'

/** An empty database with a role of its own that owns it, and no other rights; both are gone with the test. */
export async function createOwnedDatabase(
  options = '',
): Promise<{ url: string; role: string; name: string }> {
  const templateUrl = inject('templateUrl')
  const name = `holdfast_${randomBytes(6).toString('hex')}`
  await administer(templateUrl, `create role ${name} login password '${name}'`)
  onTestFinished(() => administer(templateUrl, `drop role ${name}`))
  await administer(templateUrl, `create database ${name} owner ${name} ${options}`)
  onTestFinished(() => administer(templateUrl, `drop database ${name} with (force)`))
  const url = new URL(withDatabase(templateUrl, name))
  url.username = name
  url.password = name
  return { url: url.href, role: name, name }
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
