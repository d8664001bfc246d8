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

it.each(['apollo.ts', 'urql.ts'])('%s orders, watches, and ends with the order', async (file) => {
  // PENDING is passed over where the order is reserved before it is watched
  expect(await start(file)).toEqual(['PENDING', 'RESERVED'])
  expect((await start(file, 'SCARCE-OK')).at(-1)).toBe('RESERVED')
  expect((await start(file, 'SCARCE-FAIL')).at(-1)).toBe('FAILED')
  await expect(start(file, 'NO-SUCH')).rejects.toThrow('NO-SUCH')
})
