import { afterAll, expect } from 'vitest'
import { sharedTest as test } from './support/fixtures.ts'
import { seed } from './support/harness.ts'
import { Processes } from './support/server-process.ts'

const processes = new Processes()
test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
})
afterAll(() => processes.end())

const run = (databaseUrl: string, ...args: string[]) =>
  processes.run('src/reconcile.ts', { DATABASE_URL: databaseUrl }, args).ended

test('the command prints drift with its cause and ends with 1, mends it and ends with 0', async ({
  app,
  testApp,
}) => {
  await app.pool.query('update stock_levels set available = 13')
  const drift = await run(testApp.databaseUrl)
  expect(drift).toMatchObject({ code: 1, stderr: '' })
  expect(drift.stdout).toContain(
    'broken: available is the sum of the movements: A: available 13, ledger 10; ' +
      'cause: the counter was changed by +3 without a movement\n1 breaches, 1 left\n',
  )
  const mended = await run(testApp.databaseUrl, '--repair')
  expect(mended).toMatchObject({ code: 0, stderr: '' })
  expect(mended.stdout).toContain('repaired: A: available 13 set to 10')
  expect(await run(testApp.databaseUrl)).toMatchObject({ code: 0, stdout: '0 breaches, 0 left\n' })
})

test('what cannot be mended is for people to decide, and ends with 1', async ({ app, testApp }) => {
  await app.pool.query('update inventory_movements set available_after = 11')
  const { code, stdout } = await run(testApp.databaseUrl, '--repair')
  await app.pool.query('update inventory_movements set available_after = 10')
  expect(code).toBe(1)
  expect(stdout).toMatch(/^for people to decide: each movement.*its available_after was altered by \+1$/m)
})

test('a database that cannot be reached, or is none of ours, ends it with 2 and one line that says so', async ({
  testApp,
}) => {
  const nobody = await run('postgres://nobody@127.0.0.1:1/none')
  expect(nobody).toMatchObject({ code: 2, stdout: '' })
  expect(nobody.stderr).toMatch(/^The database at DATABASE_URL cannot be reached: .*ECONNREFUSED.*\n$/)
  const url = new URL(testApp.databaseUrl)
  url.pathname = '/postgres'
  expect(await run(url.href)).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be checked') })
  expect(await run('')).toMatchObject({ code: 2, stderr: expect.stringContaining('DATABASE_URL is not set') })
})
