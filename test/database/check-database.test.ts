import { afterAll, expect, inject, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { isUnavailable, UnfitDatabaseError } from '../../src/database/unavailable.ts'
import { createOwnedDatabase, query, queryAsSuperuser } from '../support/create-database.ts'
import { administer } from '../support/database-server.ts'
import { Processes } from '../support/server-process.ts'

const processes = new Processes()
afterAll(() => processes.end())

/** What a start on this database is refused with; nothing may have been written there. */
async function refusalOf(url: string): Promise<string> {
  const error: unknown = await migrate(url).then(
    () => 'not refused',
    (error) => error,
  )
  expect(error).toBeInstanceOf(UnfitDatabaseError)
  // nobody waits for what does not come by itself
  expect(isUnavailable(error)).toBe(false)
  return (error as Error).message
}

test.each(['SQL_ASCII', 'LATIN1'])(
  'a database in %s is refused with how to make another',
  async (encoding) => {
    const [{ major }] = await queryAsSuperuser(
      'postgres',
      `select current_setting('server_version_num')::int / 10000 as major`,
    )
    const provider = major >= 15 ? 'locale_provider libc' : ''
    const { url, name } = await createOwnedDatabase(
      `encoding '${encoding}' lc_collate 'C' lc_ctype 'C' ${provider} template template0`,
    )
    const message = await refusalOf(url)
    expect(message).toContain(`The database "${name}" has the encoding ${encoding}`)
    const ended = await processes.run('src/server.ts', { DATABASE_URL: url, PORT: '0' }).ended
    expect(ended).toMatchObject({ code: 1, stderr: `Holdfast cannot start: ${message}\n` })

    // what it says to do, does
    const remedy = /create database .*;/.exec(message)![0].replace(`"${name}"`, `${name}_utf8`)
    await administer(inject('templateUrl'), remedy.replace(';', ` owner ${name}`))
    onTestFinished(() => administer(inject('templateUrl'), `drop database ${name}_utf8 with (force)`))
    expect(await migrate(url.replace(/[^/]*$/, `${name}_utf8`))).not.toEqual([])
  },
)

test('a role without a right is told which, and how to get it', async () => {
  const { url, name, role } = await createOwnedDatabase()
  await queryAsSuperuser(
    name,
    `alter database ${name} owner to ${superuser()};
     alter schema public owner to ${superuser()};
     revoke create on schema public from public;
     revoke create on database ${name} from public`,
  )
  await granted(`The role "${role}" may not make tables in the schema "public"`)
  await granted(`The role "${role}" may not make schemas in the database "${name}"`)
  expect(await migrate(url)).not.toEqual([])

  async function granted(expected: string) {
    const message = await refusalOf(url)
    expect(message).toContain(expected)
    await queryAsSuperuser(name, /grant .*;/.exec(message)![0])
  }
})

test('a role that does not own the tables is told who does, and may be a member of it', async () => {
  // made first, since it goes last: it will own a part of the other's
  const other = await createOwnedDatabase()
  const { url, name } = await createOwnedDatabase()
  await migrate(url)
  await queryAsSuperuser(name, `grant create on schema public to ${other.role}`)
  const asOther = url.replace(`${name}:${name}@`, `${other.role}:${other.role}@`)
  const message = await refusalOf(asOther)
  expect(message).toMatch(/^The tables belong to "holdfast_.*", and "holdfast_.*" may not change them/)
  await queryAsSuperuser(
    name,
    `${/grant .*;/.exec(message)![0]} grant create on database ${name} to ${other.role}`,
  )
  expect(await migrate(asOther)).toEqual([])
})

test('a password that has expired, an unknown role or database end the start in one line', async ({
  skip,
}) => {
  const { url, name, role } = await createOwnedDatabase()
  const isTrusted = await query(url.replace(`:${name}@`, ':wrong@'), 'select').then(
    () => true,
    () => false,
  )
  skip(isTrusted, 'the server asks for no password')
  const unknown = url.replace(/[^/]*$/, 'nowhere')
  await queryAsSuperuser(name, `alter role ${role} valid until '2020-01-01'`)
  for (const [target, said] of [
    [url, /password authentication failed/],
    [unknown, /does not exist|password authentication failed/],
  ] as const) {
    const { code, stderr } = await processes.run('src/server.ts', { DATABASE_URL: target, PORT: '0' }).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(said)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  }
})

function superuser(): string {
  return new URL(inject('templateUrl')).username
}
