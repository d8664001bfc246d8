// Apollo Client: orders, and watches the order over WebSocket. `npm exec -- node examples/apollo.ts`, with a server running
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { createClient } from 'graphql-ws'

const url = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:4000/graphql'
const authorization = process.env.HOLDFAST_TOKEN && `Bearer ${process.env.HOLDFAST_TOKEN}`

const sockets = createClient({
  url: url.replace('http', 'ws'),
  connectionParams: authorization ? { authorization } : {},
})
const client = new ApolloClient({
  cache: new InMemoryCache(),
  // without a link of its own for subscriptions Apollo asks for multipart/mixed, which is not served
  link: ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(sockets),
    new HttpLink({ uri: url, headers: authorization ? { authorization } : {} }),
  ),
})

type Order = { id: string; status: string; version: number }

const { data } = await client.mutate<{
  createOrder: { order: Order | null; userErrors: { message: string }[] }
}>({
  mutation: gql`
    mutation ($input: CreateOrderInput!) {
      createOrder(input: $input) { order { id status version } userErrors { message } }
    }
  `,
  variables: { input: { sku: process.argv[2] ?? 'WIDGET', qty: 2 } },
})
const order = data?.createOrder.order
if (!order) throw new Error(data?.createOrder.userErrors[0]?.message)
console.log(order.status)

const watching = client
  .subscribe<{ orderStatusChanged: Order }>({
    query: gql`
      subscription ($id: ID!, $afterVersion: Int) {
        orderStatusChanged(id: $id, afterVersion: $afterVersion) { id status version }
      }
    `,
    variables: { id: order.id, afterVersion: order.version },
  })
  .subscribe(({ data, error }) => {
    if (error) throw error
    const status = data?.orderStatusChanged.status
    console.log(status)
    if (status === 'PENDING' || status === 'AWAITING_RESTOCK') return
    // the subscription stays open when the order is reserved, for what may follow
    watching.unsubscribe()
    sockets.dispose()
  })
