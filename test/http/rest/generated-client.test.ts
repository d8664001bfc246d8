import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveTestApp, type TestServer } from '../../support/graphql.ts'
import { seed } from '../../support/harness.ts'

// Whether a program that knows nothing but /openapi.json compiles, and does what it says.

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const run = promisify(execFile)

/** As strict as a program of today. */
const TSCONFIG = {
  compilerOptions: {
    target: 'es2024',
    module: 'nodenext',
    lib: ['es2024', 'dom', 'dom.iterable'],
    types: ['node'],
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    allowImportingTsExtensions: true,
    erasableSyntaxOnly: true,
  },
  files: ['program.ts'],
}

const PROGRAM = `
import * as holdfast from './client.ts'

holdfast.defaults.baseUrl = process.argv[2]!

const created = await holdfast.createOrder({ lines: [{ sku: 'WIDGET', qty: 2 }] }, { idempotencyKey: 'one' })
if (created.status !== 201) throw new Error(created.data.detail)
const order: holdfast.Order = created.data
const again = await holdfast.createOrder({ lines: [{ sku: 'WIDGET', qty: 2 }] }, { idempotencyKey: 'one' })
const refused = await holdfast.createOrder({ sku: 'NONE', qty: 1 })
const read = await holdfast.getOrder(order.id)
const cancelled = await holdfast.cancelOrder(order.id, {})
const headers = { 'content-type': 'text/csv' }
const imported = await holdfast.importInventory('sku,delta\\nWIDGET,5\\nNONE,1\\n', {}, { headers })
if (imported.status !== 200) throw new Error(imported.data.detail)
const item = await holdfast.getInventoryItem('WIDGET')
const movements = await holdfast.listMovements('WIDGET', { limit: 1 })
const sheet = await holdfast.exportInventory()
const ledger = await holdfast.exportMovements({ after: '1' })

// an endless answer, of which this takes the first event
const opened = Promise.withResolvers<void>()
const takeEvent: typeof fetch = async (url, init) => {
  const response = await fetch(url, init)
  opened.resolve()
  let text = ''
  for await (const part of response.body!.pipeThrough(new TextDecoderStream())) {
    text += part
    const [, data] = /^data: (.*)\\n\\n/m.exec(text) ?? []
    if (data) return Response.json(JSON.parse(data))
  }
  throw new Error('the stream ended')
}
const following = holdfast.followInventory({ sku: ['WIDGET'] }, { fetch: takeEvent })
await opened.promise
const receipt = { qty: 7, reference: 'SLIP-1' }
const received = await holdfast.receiveInventory('WIDGET', receipt, { idempotencyKey: 'goods' })
if (received.status !== 200) throw new Error(received.data.detail)
const followed = await following
if (followed.status !== 200) throw new Error(followed.data.detail)
const change: holdfast.InventoryChange = followed.data
await holdfast.receiveInventory('WIDGET', { qty: 1 })
const resumed = await holdfast.followInventory({ lastEventId: change.cursor }, { fetch: takeEvent })

console.log(JSON.stringify({
  repeated: again.status === 201 && again.data.id === order.id,
  refused: refused.status === 422 && refused.data.code,
  read: read.status === 200 && read.data.lines[0]?.qty,
  cancelled: cancelled.status === 200 && cancelled.data.status,
  imported: [imported.data.changed, imported.data.refused_rows[0]?.code],
  available: item.status === 200 && item.data.available,
  newest: movements.status === 200 && movements.data.data[0]?.delta,
  sheet: sheet.status === 200 && sheet.data.split('\\r\\n')[1]?.startsWith('WIDGET,MAIN,WIDGET,15,'),
  ledger: ledger.status === 200 && ledger.data.startsWith('id,sku,'),
  received: [received.data.level.available, received.data.movement.type],
  isFollowed: change.movement.id === received.data.movement.id && change.available_to_promise,
  resumed: resumed.status === 200 && resumed.data.movement.delta,
}))
`

describe('a client generated from /openapi.json', () => {
  let server: TestServer
  let folder: string

  beforeAll(async () => {
    server = await serveTestApp()
    await seed(server.app).item({ sku: 'WIDGET', available: 10 })
    folder = await mkdtemp(join(tmpdir(), 'holdfast-client-'))
    await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(TSCONFIG))
    await writeFile(join(folder, 'program.ts'), PROGRAM)
    const generator = join(ROOT, 'node_modules/.bin/oazapfts')
    await run(process.execPath, [generator, `${server.url}/openapi.json`, join(folder, 'client.ts')])
  }, 120_000)
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true })
    await server.close()
  })

  test('compiles', async () => {
    const compiler = join(ROOT, 'node_modules/.bin/tsc')
    // what it prints is what is wrong
    const { stdout } = await run(process.execPath, [compiler, '-p', folder]).catch((error) => error)
    expect(stdout).toBe('')
    // and so would be a call that there is not
    await writeFile(join(folder, 'program.ts'), PROGRAM.replace('qty: 2', "qty: 'two'"))
    const wrong = await run(process.execPath, [compiler, '-p', folder]).catch((error) => error)
    expect(wrong.stdout).toContain("Type 'string' is not assignable to type 'number'")
    await writeFile(join(folder, 'program.ts'), PROGRAM)
  }, 120_000)

  test('runs', async () => {
    const { stdout } = await run(process.execPath, [join(folder, 'program.ts'), server.url])
    expect(JSON.parse(stdout)).toEqual({
      repeated: true,
      refused: 'UNKNOWN_SKU',
      read: 2,
      cancelled: 'cancelled',
      imported: [1, 'UNKNOWN_SKU'],
      available: 15,
      newest: 5,
      sheet: true,
      ledger: true,
      received: [22, 'RECEIPT'],
      isFollowed: 22,
      resumed: 1,
    })
  }, 60_000)
})
