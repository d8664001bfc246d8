// Watches orders as their customers would, half of them by server-sent events and half by WebSocket, each on a
// connection of its own. It is sent what to watch, and says when all are watched and what they were shown.

import { Agent, request } from 'node:http'
import { connectWatcher, WATCH_ORDER, type WatchedOrder } from './graphql-client.ts'
import type { WatchReport, WatchRequest } from './watchers.ts'

/** Connections that are opened at once: fewer than a server lets wait to be accepted. */
const OPENING_MAX = 50

// one connection each, without limit
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })

type Watch = (url: string, id: string, onState: (order: WatchedOrder) => void) => void

const watchBySse: Watch = (url, id, onState) => {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  const post = request(`${url}/graphql`, { method: 'POST', headers, agent }, (response) => {
    let text = ''
    response.setEncoding('utf8').on('data', (chunk) => {
      const events = (text + chunk).split('\n\n')
      text = events.pop()!
      for (const event of events) {
        const data = /^data: (.+)$/m.exec(event)?.[1]
        if (data) onState(JSON.parse(data).data.orderStatusChanged)
      }
    })
    response.on('end', () => fail(new Error(`The stream of order ${id} ended`)))
  })
  post.on('error', fail)
  post.end(JSON.stringify({ query: WATCH_ORDER, variables: { id } }))
}

const watchByWebSocket: Watch = (url, id, onState) => {
  connectWatcher(url).watch(id, onState, fail)
}

/** Resolves once every order was seen as it stands. */
async function watchAll({ url, ids }: WatchRequest, onChange: (order: WatchedOrder) => void): Promise<void> {
  const waiting = [...ids.entries()]
  const openNext = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const [index, id] = next
      const watch = index % 2 === 0 ? watchBySse : watchByWebSocket
      await new Promise<void>((resolve) => {
        watch(url, id, (order) => (order.version === 1 ? resolve() : onChange(order)))
      })
    }
  }
  await Promise.all(Array.from({ length: OPENING_MAX }, openNext))
}

function send(report: WatchReport): void {
  process.send!(report)
}

function fail(error: Error): void {
  send({ kind: 'failed', message: error.message })
}

process.once('message', async (request: WatchRequest) => {
  const latenciesMs: number[] = []
  await watchAll(request, ({ updatedAt }) => {
    latenciesMs.push(Date.now() - Date.parse(updatedAt))
    if (latenciesMs.length === request.ids.length) send({ kind: 'changed', latenciesMs })
  })
  send({ kind: 'watching' })
  // whoever waits no longer gets what there is
  process.once('message', () => send({ kind: 'changed', latenciesMs }))
})
process.once('disconnect', () => process.exit(0))
