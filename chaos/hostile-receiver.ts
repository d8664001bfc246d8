import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import type { Findings } from './findings.ts'
import type { Random } from './random.ts'

const HARMS = ['hangs', 'http-500', 'http-503', 'redirect', 'cut-before', 'cut-half-way', 'slow'] as const
const HARM_PROBABILITY = 0.1
/** Longer than Holdfast waits. */
const HANG_MS = 16_000
const SLOW_MS = 1_000

/** The webhooks of a run, by the path of their receiver. */
export const WEBHOOKS = {
  all: ['*'],
  orders: ['order.*'],
  /** Its receiver is gone from the first. */
  gone: ['inventory.changed'],
} as const
export type WebhookName = keyof typeof WEBHOOKS

export type HostileReceiver = {
  urlFor(name: WebhookName): string
  /** What each webhook has received whole, whatever was answered: how often, by the event's id. */
  received: Readonly<Record<WebhookName, ReadonlyMap<string, number>>>
  /** Tells it the secret of a webhook: each signature is checked from then on. */
  learn(name: WebhookName, secret: string): void
  /** From now on every answer is clear and in time. */
  behave(): void
  close(): Promise<void>
}

/** A receiver of webhooks on loopback that checks every signature and answers badly. */
export async function startHostileReceiver(random: Random, findings: Findings): Promise<HostileReceiver> {
  const received = {
    all: new Map<string, number>(),
    orders: new Map<string, number>(),
    gone: new Map<string, number>(),
  }
  const verifiers = new Map<WebhookName, Webhook>()
  let isHostile = true

  const server = createServer((request, response) => {
    request.on('error', () => {})
    response.on('error', () => {})
    void serve(request, response).catch(() => request.socket.destroy())
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = request.url!.slice(1) as WebhookName
    const body = await text(request)
    verify(name, request, body)
    const id = String(request.headers['webhook-id'])
    received[name].set(id, (received[name].get(id) ?? 0) + 1)
    findings.count('webhook messages received')
    if (name === 'gone') return void response.writeHead(410).end()
    const harm = isHostile && random.chance(HARM_PROBABILITY) ? random.pick(HARMS) : undefined
    if (harm) findings.count(`receiver: harm: ${harm}`)
    await answer(harm, response)
  }

  /** By the library that receivers use. Not by its `verify`: the clocks of the processes are off, and it refuses old messages. */
  function verify(name: WebhookName, { headers }: IncomingMessage, body: string): void {
    const timestamp = new Date(Number(headers['webhook-timestamp']) * 1_000)
    const expected = verifiers.get(name)?.sign(String(headers['webhook-id']), timestamp, body)
    if (expected !== headers['webhook-signature']) {
      findings.violate(
        'every signature of a webhook is right',
        name,
        JSON.stringify({ headers, body, expected }),
      )
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    urlFor: (name) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${name}`,
    received,
    learn: (name, secret) => void verifiers.set(name, new Webhook(secret)),
    behave: () => {
      isHostile = false
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

async function answer(harm: (typeof HARMS)[number] | undefined, response: ServerResponse): Promise<void> {
  const { socket } = response
  switch (harm) {
    case 'hangs':
      await sleep(HANG_MS, undefined, { ref: false })
      return void socket?.destroy()
    case 'http-500':
      return void response.writeHead(500).end('busy')
    case 'http-503':
      return void response.writeHead(503, { 'retry-after': '1' }).end()
    case 'redirect':
      return void response.writeHead(302, { location: '/elsewhere' }).end()
    case 'cut-before':
      return void socket?.resetAndDestroy()
    case 'cut-half-way':
      return void socket?.end('HTTP/1.1 200 OK\r\ncontent-le')
    case 'slow':
      await sleep(SLOW_MS)
      return void response.writeHead(204).end()
    case undefined:
      return void response.writeHead(204).end()
  }
}
