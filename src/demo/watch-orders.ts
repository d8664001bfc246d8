import { setTimeout as sleep } from 'node:timers/promises'
import type { FormattedExecutionResult } from 'graphql'
import { createClient } from 'graphql-ws'
import {
  CHANGES_FIELD,
  type Change,
  type DemoOrder,
  type DemoServer,
  nameOf,
  outcomeOf,
} from './scenarios.ts'

const SUBSCRIPTION = `subscription ($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { ${CHANGES_FIELD} }
}`

/** Together a minute, in which a server that was killed can be started again. */
export const RECONNECT_DELAY_MS = 500
export const RECONNECT_ATTEMPTS_MAX = 120

type Event = { orderStatusChanged: { events: Change[] } }

type WatchCallbacks = {
  /** Gets each change once; it is in the order's `changes` by then. */
  onChange: (order: DemoOrder, change: Change) => void
  onConnectionLost: () => void
  onConnectedAgain: () => void
}

export type Watching = ReturnType<typeof watchOrders>

/**
 * Watches orders over one WebSocket, which is made again when it breaks, and adds to each what it hears of it. It asks
 * for what is newer than the version seen last, so it hears of each change once.
 */
export function watchOrders(server: DemoServer, orders: readonly DemoOrder[], callbacks: WatchCallbacks) {
  const client = connect(server, callbacks)
  const finals = new Map<DemoOrder, Promise<void>>()
  for (const order of orders) {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    finals.set(order, promise)
    // heard also where nobody waits for it any more
    promise.catch(() => {})
    if (outcomeOf(order)) resolve()

    const variables = {
      id: order.id,
      // a getter: read whenever it is sent, so after each loss of the connection too
      get afterVersion() {
        return order.changes.at(-1)!.version
      },
    }
    client.subscribe<Event>(
      { query: SUBSCRIPTION, variables },
      {
        next: ({ data, errors }: FormattedExecutionResult<Event, unknown>) => {
          if (!data) return reject(brokenBy(order, errors))
          // a slow watcher is sent the newest state alone: the events fill what lies between
          for (const change of data.orderStatusChanged.events) {
            if (change.version <= variables.afterVersion) continue
            order.changes.push(change)
            callbacks.onChange(order, change)
          }
          if (outcomeOf(order)) resolve()
        },
        error: (cause) => reject(brokenBy(order, cause)),
        complete: () => {},
      },
    )
  }
  return {
    /** Resolves once these orders are final. @throws {Error} when there is no way to go on watching */
    untilFinal: async (some: readonly DemoOrder[]): Promise<void> =>
      void (await Promise.all(some.map((order) => finals.get(order)))),
    // rejects where a connection was being made: there is none to close then
    close: () => void Promise.resolve(client.dispose()).catch(() => {}),
  }
}

function connect({ url, authorization }: DemoServer, { onConnectionLost, onConnectedAgain }: WatchCallbacks) {
  let isConnected = false
  return createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    ...(authorization && { connectionParams: { authorization } }),
    retryAttempts: RECONNECT_ATTEMPTS_MAX,
    retryWait: () => sleep(RECONNECT_DELAY_MS),
    // a refused connection too, which graphql-ws does not: the server may be on its way up again
    shouldRetry: () => true,
    on: {
      connected: (_socket, _payload, isAgain) => {
        isConnected = true
        if (isAgain) onConnectedAgain()
      },
      closed: (event) => {
        const isLost = isConnected && (event as CloseEvent).code !== NORMAL_CLOSURE
        isConnected = false
        if (isLost) onConnectionLost()
      },
    },
  })
}

/** Close code of a client that leaves, by RFC 6455. */
const NORMAL_CLOSURE = 1000

function brokenBy({ scenario }: DemoOrder, cause: unknown): Error {
  const message = Array.isArray(cause) ? String(cause[0]?.message) : 'the connection is lost'
  return new Error(`Cannot watch the order of ${nameOf(scenario)} any more: ${message}`)
}
