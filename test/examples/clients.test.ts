import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Worker } from '../../src/tasks/worker.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed, startTestWorker } from '../support/harness.ts'

const run = promisify(execFile)

let server: TestServer
let worker: Worker
beforeAll(async () => {
  server = await serveTestApp()
  for (const [sku, available] of [
    ['WIDGET', 100],
    ['SCARCE-OK', 0],
    ['SCARCE-FAIL', 0],
    ['LAST', 1],
  ] as const)
    await seed(server.app).item({ sku, available })
  worker = await startTestWorker(server.testApp, { baseUrl: server.url })
})
afterAll(async () => {
  await worker.stop()
  await server.close()
})

const start = async (file: string, ...args: string[]) => {
  const { stdout } = await run(process.execPath, [`examples/${file}`, ...args], {
    env: { ...process.env, HOLDFAST_URL: `${server.url}/graphql` },
    timeout: 30_000,
  })
  return stdout.trim().split('\n')
}

it('checkout.ts holds, extends and confirms a cart, and lets go of one that nobody pays for', async () => {
  const left = await start('checkout.ts', 'LAST', 'leave')
  expect(left[0]).toBe('held: RESERVED')
  expect(left.at(-1)).toBe('expired')
  // so the last one is there for the next
  const paid = await start('checkout.ts', 'LAST')
  expect(paid[0]).toBe('held: RESERVED')
  expect(paid.at(-1)).toBe('confirmed')
  await expect(start('checkout.ts', 'LAST')).rejects.toThrow('LAST is out of stock')
  await expect(start('checkout.ts', 'NO-SUCH')).rejects.toThrow('NO-SUCH')
})

it.each(['apollo.ts', 'urql.ts'])('%s orders, watches, and ends with the order', async (file) => {
  // PENDING is passed over where the order is reserved before it is watched
  expect(await start(file)).toEqual(['PENDING', 'RESERVED'])
  expect((await start(file, 'SCARCE-OK')).at(-1)).toBe('RESERVED')
  expect((await start(file, 'SCARCE-FAIL')).at(-1)).toBe('FAILED')
  await expect(start(file, 'NO-SUCH')).rejects.toThrow('NO-SUCH')
})
