import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What a receiver was sent. */
export type Received = {
  headers: Record<string, string>
  body: string
  payload: { type: string; timestamp: string; data: Record<string, unknown> }
}

/** What it does with a call: a status to answer with, or its own answer. */
export type Behaviour = (received: Received, response: ServerResponse) => number | undefined

/** A receiver of webhooks on this machine. */
export type Receiver = Awaited<ReturnType<typeof startReceiver>>

/** Starts a receiver, which answers 204 until it is told otherwise. */
export async function startReceiver() {
  const received: Received[] = []
  let behave: Behaviour = () => 204
  const server = createServer((request, response) => {
    void read(request).then((one) => {
      received.push(one)
      const status = behave(one, response)
      if (status !== undefined) response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    received,
    /** Does this from now on. */
    follow(next: Behaviour) {
      behave = next
    },
    typesOf: () => received.map(({ payload }) => payload.type),
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function read(request: IncomingMessage): Promise<Received> {
  const body = await text(request)
  return { headers: request.headers as Record<string, string>, body, payload: JSON.parse(body) }
}
