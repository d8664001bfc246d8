import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WEBHOOK_CALLS_MAX } from '../../src/limits.ts'
import { createWebhookClient, type WebhookClient } from '../../src/webhooks/webhook-client.ts'
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts'

let receiver: Receiver
const clients: WebhookClient[] = []
beforeEach(async () => {
  receiver = await startReceiver()
})
afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await receiver.close()
})

const message = (url = receiver.url) => ({
  url,
  id: 'evt_m1',
  body: '{"type":"x"}',
  keys: [Buffer.alloc(32)],
})
function client(options: Partial<Parameters<typeof createWebhookClient>[0]> = {}) {
  const made = createWebhookClient({ mayBePrivate: true, ...options })
  clients.push(made)
  return made
}

test('a receiver that hangs has its time, and no more', async () => {
  receiver.follow(() => undefined)
  const result = await client({ timeoutMs: 200 }).send(message())
  expect(result).toMatchObject({ responseStatus: null, error: 'no answer within 200 ms' })
})

test('a receiver that hangs keeps no call from another one at the same origin', async () => {
  const { origin } = new URL(receiver.url)
  receiver.follow(({ headers }) => (headers['webhook-id'] === 'evt_hangs' ? undefined : 204))
  const sender = client({ timeoutMs: 2_000 })
  const hanging = Array.from({ length: WEBHOOK_CALLS_MAX.first }, () =>
    sender.send({ ...message(`${origin}/a`), id: 'evt_hangs' }),
  )
  expect(await sender.send(message(`${origin}/b`))).toMatchObject({ responseStatus: 204 })
  for (const { error } of await Promise.all(hanging)) expect(error).toBe('no answer within 2000 ms')
})

test('a connection that has been idle for a second is not used again', async () => {
  const ports = new Set<number>()
  receiver.follow((_, response) => {
    ports.add(response.socket!.remotePort!)
    // with a header of its own Node names no time
    response.writeHead(204, { connection: 'keep-alive' }).end()
    return undefined
  })
  const sender = client()
  for (const idleMs of [0, 50, 1_500]) {
    await sleep(idleMs)
    await sender.send(message())
    expect(ports.size).toBe(idleMs < 1_000 ? 1 : 2)
  }
})

test('an answer whose body never ends is the answer that its head says', async () => {
  receiver.follow((_, response) => void response.writeHead(200).write('begun'))
  const result = await client({ timeoutMs: 200 }).send(message())
  expect(result).toMatchObject({ responseStatus: 200, responseBody: 'begun', error: null })
})

test('of a flood the first kilobyte is kept, and no more is read', async () => {
  receiver.follow((_, response) => void response.writeHead(200).end(`a\0b${'x'.repeat(5_000_000)}`))
  const { responseBody } = await client().send(message())
  expect(responseBody).toBe(`a b${'x'.repeat(1_021)}`)
})

test('a private address is refused, as the URL has it and as a name leads to it', async () => {
  const { port } = new URL(receiver.url)
  for (const url of [receiver.url, `http://localhost:${port}/hooks`]) {
    const { error } = await client({ mayBePrivate: false }).send(message(url))
    expect(error).toContain('no webhook may be')
  }
  expect(receiver.received).toHaveLength(0)
})

test('Retry-After is read as seconds and as a date', async () => {
  receiver.follow((_, response) => void response.writeHead(503, { 'retry-after': '7' }).end())
  expect((await client().send(message())).retryAfterMs).toBe(7_000)
  const date = new Date(Date.now() + 60_000).toUTCString()
  receiver.follow((_, response) => void response.writeHead(503, { 'retry-after': date }).end())
  const { retryAfterMs } = await client().send(message())
  expect(retryAfterMs).toBeGreaterThan(50_000)
  expect(retryAfterMs).toBeLessThanOrEqual(60_000)
})

test('nobody listens', async () => {
  await receiver.close()
  expect((await client().send(message())).error).toContain('ECONNREFUSED')
  receiver = await startReceiver()
})
