import { createClient } from 'graphql-ws'
import WebSocket from 'ws'

const CREATE_ORDER = `mutation Create($sku: String!) {
  createOrder(input: { sku: $sku, qty: 1 }) { order { id } userErrors { code } }
}`

export const WATCH_ORDER = `subscription Watch($id: ID!) {
  orderStatusChanged(id: $id) { status version updatedAt }
}`

/** What a watcher is told. */
export type WatchedOrder = { status: string; version: number; updatedAt: string }

/** Runs an operation by POST. @throws when it has errors */
export async function execute<Data>(url: string, query: string, variables: object = {}): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: Data; errors?: { message: string }[] }
  if (errors?.[0]) throw new Error(errors[0].message)
  return data
}

/** Orders one piece. @returns the order's id */
export async function createOrder(url: string, sku: string): Promise<string> {
  const { createOrder } = await execute<{ createOrder: { order: { id: string } | null } }>(
    url,
    CREATE_ORDER,
    { sku },
  )
  if (!createOrder.order) throw new Error('The order was refused')
  return createOrder.order.id
}

/** A WebSocket to the server, on which any number of orders is watched. */
export function connectWatcher(url: string) {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    lazy: false,
    retryAttempts: 0,
  })
  /** Calls back with each state of the order. @returns what ends it */
  const watch = (
    id: string,
    onState: (order: WatchedOrder) => void,
    onError: (error: Error) => void,
  ): (() => void) =>
    client.subscribe<{ orderStatusChanged: WatchedOrder }>(
      { query: WATCH_ORDER, variables: { id } },
      {
        next: ({ data, errors }) =>
          data ? onState(data.orderStatusChanged) : onError(new Error(errors?.[0]?.message)),
        error: (error) => onError(error instanceof Error ? error : new Error(JSON.stringify(error))),
        complete: () => {},
      },
    )
  return { watch, close: () => client.dispose() }
}
