import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAuthenticate } from '../src/http/access/create-authenticate.ts'
import { createLogger } from '../src/observability/logs/logger.ts'
import { serveTestApp, type TestServer } from './support/graphql.ts'
import { seed } from './support/harness.ts'
import { readItem } from './support/read-stock.ts'
import { type Env, Processes } from './support/server-process.ts'
import { authorizationOf, bySecret } from './support/tokens.ts'

const processes = new Processes()
let server: TestServer
let folder: string
let env: Env

beforeAll(async () => {
  server = await serveTestApp({ authenticate: createAuthenticate(bySecret, createLogger('silent')) })
  await seed(server.app).item({ sku: 'A', available: 10 })
  const HOLDFAST_TOKEN = (await authorizationOf('olga', 'operator')).replace('Bearer ', '')
  env = { HOST: '127.0.0.1', PORT: new URL(server.url).port, HOLDFAST_TOKEN }
})
afterAll(() => server.close())
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-files-'))
})
afterEach(async () => {
  await processes.end()
  await rm(folder, { recursive: true })
})

async function importFile(text: string, args: string[] = [], more: Env = {}) {
  const file = join(folder, 'file.csv')
  await writeFile(file, text)
  return processes.run('src/import.ts', { ...env, ...more }, [file, ...args]).ended
}

describe('npm run import', () => {
  test('changes stock by the name of its token, once, and says what was refused', async () => {
    const file = 'sku,delta\nA,5\nNONE,1\n'
    const dry = await importFile(file, ['--dry-run'])
    expect(dry.stdout).toContain('2 rows: 1 changed, 0 unchanged, 0 skipped, 1 refused\n')
    expect(dry.stdout).toContain('nothing was changed')
    expect((await readItem(server.app, 'A')).available).toBe(10n)
    const { code, stdout, stderr } = await importFile(file)
    expect({ code, stdout, stderr }).toEqual({
      code: 1,
      stdout:
        '2 rows: 1 changed, 0 unchanged, 0 skipped, 1 refused\nline 3, NONE: UNKNOWN_SKU: There is no item with the SKU "NONE"\n',
      stderr: '',
    })
    expect((await importFile(file)).stdout).toContain('imported before')
    expect((await readItem(server.app, 'A')).available).toBe(15n)
    const newest = await server.app.prisma.inventoryMovement.findFirst({ orderBy: { id: 'desc' } })
    expect(newest).toMatchObject({ sku: 'A', delta: 5, actor: 'olga' })
  })

  test('changes stock by the same file once more under another key', async () => {
    const before = (await readItem(server.app, 'A')).available
    const file = 'sku,delta\nA,1\n'
    for (const args of [[], ['--key', 'tuesday'], ['--key', 'tuesday']]) {
      await importFile(file, args)
    }
    expect((await readItem(server.app, 'A')).available).toBe(before + 2n)
    await importFile('sku,delta\nA,-2\n')
  })

  test('ends with 0 where every row was taken', async () => {
    expect(await importFile('sku,counted\nA,15\n')).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    ['a file that is wrong as a whole', 'sku,stock\nA,1\n', [], {}, 'There is no column "stock"'],
    ['no token', 'sku,delta\nA,1\n', [], { HOLDFAST_TOKEN: '' }, 'HOLDFAST_TOKEN'],
    [
      'no server',
      'sku,delta\nA,1\n',
      ['--url', 'http://127.0.0.1:1'],
      {},
      'Nothing answers at http://127.0.0.1:1',
    ],
    ['two files', 'sku,delta\nA,1\n', ['other.csv'], {}, 'npm run import -- FILE'],
    ['an unknown option', 'sku,delta\nA,1\n', ['--force'], {}, '--force'],
  ] as [string, string, string[], Env, string][])(
    'says what is wrong with %s',
    async (_name, text, args, more, expected) => {
      const { code, stdout, stderr } = await importFile(text, args, more)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain(expected)
      expect((await readItem(server.app, 'A')).available).toBe(15n)
    },
  )

  test('says that a file is not there', async () => {
    const { code, stderr } = await processes.run('src/import.ts', env, [join(folder, 'none.csv')]).ended
    expect([code, stderr]).toEqual([2, expect.stringContaining('none.csv')])
  })
})

describe('npm run export', () => {
  test('writes the count sheet, to a file or to where it is piped', async () => {
    const sheet = /^sku,location,name,on_hand,reserved,as_of,counted\r\nA,MAIN,A,15,0,\d+,\r\n$/
    const piped = await processes.run('src/export.ts', env).ended
    expect(piped.code).toBe(0)
    expect(piped.stdout).toMatch(sheet)
    expect(piped.stderr).toMatch(/^1 rows {2}\d/)
    const file = join(folder, 'sheet.csv')
    expect(await processes.run('src/export.ts', env, [file]).ended).toMatchObject({ code: 0, stdout: '' })
    expect(await readFile(file, 'utf8')).toMatch(sheet)
    expect(await readdir(folder)).toEqual(['sheet.csv'])
    // as it is
    expect(await processes.run('src/import.ts', env, [file]).ended).toMatchObject({
      code: 0,
      stdout: '1 rows: 0 changed, 0 unchanged, 1 skipped, 0 refused\n',
    })
  })

  test('writes the ledger, behind a movement', async () => {
    const all = (await processes.run('src/export.ts', env, ['--movements']).ended).stdout.trim().split('\r\n')
    expect(all.length).toBeGreaterThanOrEqual(3)
    const after = all[1]!.split(',')[0]!
    const { stdout } = await processes.run('src/export.ts', env, ['--movements', '--after', after]).ended
    expect(stdout.trim().split('\r\n')).toEqual([all[0], ...all.slice(2)])
  })

  test('leaves a file as it was where it gets no other', async () => {
    const file = join(folder, 'sheet.csv')
    await writeFile(file, 'mine')
    const { code, stderr } = await processes.run('src/export.ts', { ...env, HOLDFAST_TOKEN: 'x' }, [file])
      .ended
    expect([code, stderr]).toEqual([2, expect.stringContaining('HOLDFAST_TOKEN')])
    expect(await readFile(file, 'utf8')).toBe('mine')
    expect(await readdir(folder)).toEqual(['sheet.csv'])
  })
})
