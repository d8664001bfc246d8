import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { ServerAddress } from '../src/client/find-server.ts'
import { callServer } from '../src/demo/call-server.ts'

/** Takes orders; of stock it wants nothing before its maintenance is over. */
const FAILING_EVENT = 'inventory.changed'

type WebhooksToShow = { remove: () => Promise<void> }

/**
 * Creates webhooks at a running server, with a receiver on this machine that fails for some events, and places an order for them
 * to be told of.
 *
 * @throws where the server refuses loopback addresses
 */
export async function createWebhooksToShow(server: ServerAddress): Promise<WebhooksToShow> {
  const receiver = createServer(async (request, response) => {
    const { type } = JSON.parse(Buffer.concat(await request.toArray()).toString())
    if (type !== FAILING_EVENT) return response.writeHead(204).end()
    response.writeHead(503).end('{"error":"maintenance","until":"10:00"}')
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  const { port } = receiver.address() as AddressInfo
  const ids: string[] = []
  const listen = async (path: string, events: string[]) => {
    const { webhook } = await callServer<{ webhook: { id: string } }>(server, CREATE, {
      url: `http://127.0.0.1:${port}/${path}`,
      events,
    })
    ids.push(webhook.id)
    return webhook.id
  }
  await listen('shop', ['order.*', FAILING_EVENT])
  await listen('mails', ['order.shipped', 'order.cancelled', 'order.failed'])
  const ledger = await listen('ledger', ['*'])
  await callServer(server, UPDATE, { id: ledger, status: 'PAUSED' })
  await callServer(server, ORDER, { lines: [{ sku: 'WIDGET', qty: 3 }] })
  return {
    remove: async () => {
      for (const id of ids) await callServer(server, DELETE, id)
      receiver.closeAllConnections()
      receiver.close()
    },
  }
}

const ANSWER = '{ webhook { id } userErrors { code message } }'
const CREATE = `mutation ($input: CreateWebhookInput!) { payload: createWebhook(input: $input) ${ANSWER} }`
const UPDATE = `mutation ($input: UpdateWebhookInput!) { payload: updateWebhook(input: $input) ${ANSWER} }`
const DELETE = `mutation ($input: ID!) { payload: deleteWebhook(id: $input) ${ANSWER} }`
const ORDER = `mutation ($input: CreateOrderInput!) {
  payload: createOrder(input: $input) { order { id } userErrors { code message } }
}`
