import { setTimeout as sleep } from 'node:timers/promises'
import type { FormattedExecutionResult } from 'graphql'
import { createClient } from 'graphql-ws'
import { CHANGES_FIELD, type Change, type DemoOrder } from './create-order.ts'

const SUBSCRIPTION = `subscription ($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { ${CHANGES_FIELD} }
}`

/** Together a minute, in which a server that was killed can be started again. */
const RECONNECT_DELAY_MS = 500
const RECONNECT_ATTEMPTS_MAX = 120

type Event = { orderStatusChanged: { events: Change[] } }

export type Watching = {
  /** Rejects when there is no way to go on. */
  broken: Promise<never>
  close(): void
}

/**
 * Watches orders over one WebSocket, which is made again when it breaks. Each change is told once: an order is asked
 * for with the version that was seen last.
 *
 * @param onChange gets each change after those in `order.changes`, and has to add it there
 * @param onConnection gets whether the connection was made again, or lost
 */
export function watchOrders(
  url: string,
  orders: readonly DemoOrder[],
  {
    onChange,
    onConnection,
  }: {
    onChange: (order: DemoOrder, change: Change) => void
    onConnection: (isConnected: boolean) => void
  },
): Watching {
  let isConnected = false
  const client = createClient({
    url: `${url.replace(/^http/, 'ws')}/graphql`,
    retryAttempts: RECONNECT_ATTEMPTS_MAX,
    retryWait: () => sleep(RECONNECT_DELAY_MS),
    // a refused connection too: what it takes for an error of ours is a server that is being started again
    shouldRetry: () => true,
    on: {
      connected: (_socket, _payload, isAgain) => {
        isConnected = true
        if (isAgain) onConnection(true)
      },
      closed: () => {
        if (isConnected) onConnection(false)
        isConnected = false
      },
    },
  })
  const { promise: broken, reject } = Promise.withResolvers<never>()
  // heard also where nobody waits for it any more
  broken.catch(() => {})

  for (const order of orders) {
    const variables = {
      id: order.id,
      // read whenever it is sent, so also after each loss of the connection
      get afterVersion() {
        return order.changes.at(-1)?.version ?? 0
      },
    }
    client.subscribe<Event>(
      { query: SUBSCRIPTION, variables },
      {
        next: ({ data, errors }: FormattedExecutionResult<Event, unknown>) => {
          if (!data) return reject(brokenBy(order, errors))
          // a slow watcher gets the newest state alone: the events fill what lies between
          const news = data.orderStatusChanged.events.filter(({ version }) => version > variables.afterVersion)
          for (const change of news) onChange(order, change)
        },
        error: (cause) => reject(brokenBy(order, cause)),
        complete: () => {},
      },
    )
  }
  return {
    broken,
    close: () => {
      isConnected = false
      // in the middle of connecting it rejects: there was nothing to close then
      void client.dispose().catch?.(() => {})
    },
  }
}

function brokenBy({ scenario }: DemoOrder, cause: unknown): Error {
  const message = Array.isArray(cause) ? String(cause[0]?.message) : 'the connection is lost'
  return new Error(`Cannot watch the order of ${scenario.sku}: ${message}`)
}
