// urql: orders, and watches the order over WebSocket. `npm exec -- node examples/urql.ts`, with a server running
import { Client, cacheExchange, fetchExchange, gql, subscriptionExchange } from '@urql/core'
import { createClient } from 'graphql-ws'

const url = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:4000/graphql'
const authorization = process.env.HOLDFAST_TOKEN && `Bearer ${process.env.HOLDFAST_TOKEN}`

const sockets = createClient({
  url: url.replace('http', 'ws'),
  connectionParams: authorization ? { authorization } : {},
})
const client = new Client({
  url,
  fetchOptions: { headers: authorization ? { authorization } : {} },
  preferGetMethod: false,
  exchanges: [
    cacheExchange,
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: ({ query = '', variables }) => ({
        subscribe: (sink) => ({ unsubscribe: sockets.subscribe({ query, variables }, sink) }),
      }),
    }),
  ],
})

type Order = { id: string; status: string; version: number }

const { data, error } = await client
  .mutation<{ createOrder: { order: Order | null; userErrors: { message: string }[] } }>(
    gql`
      mutation ($input: CreateOrderInput!) {
        createOrder(input: $input) { order { id status version } userErrors { message } }
      }
    `,
    { input: { sku: process.argv[2] ?? 'WIDGET', qty: 2 } },
  )
  .toPromise()
if (error) throw error
const order = data?.createOrder.order
if (!order) throw new Error(data?.createOrder.userErrors[0]?.message)
console.log(order.status)

const { unsubscribe } = client
  .subscription<{ orderStatusChanged: Order }>(
    gql`
      subscription ($id: ID!, $afterVersion: Int) {
        orderStatusChanged(id: $id, afterVersion: $afterVersion) { id status version }
      }
    `,
    { id: order.id, afterVersion: order.version },
  )
  .subscribe(({ data, error }) => {
    if (error) throw error
    const status = data?.orderStatusChanged.status
    console.log(status)
    if (status === 'PENDING' || status === 'AWAITING_RESTOCK') return
    // the subscription stays open when the order is reserved, for what may follow
    unsubscribe()
    sockets.dispose()
  })
