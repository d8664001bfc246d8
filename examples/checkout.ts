// A checkout: holds a cart, asks for more time, and confirms it once it is paid for.
// `npm exec -- node examples/checkout.ts`, with a server running. `… examples/checkout.ts WIDGET leave` never pays: the hold
// expires, and what it held is free again.
import { createClient } from 'graphql-ws'

const url = process.env.HOLDFAST_URL ?? 'http://127.0.0.1:4000/graphql'
const authorization = process.env.HOLDFAST_TOKEN && `Bearer ${process.env.HOLDFAST_TOKEN}`
const [sku = 'WIDGET', customer = 'pay'] = process.argv.slice(2)
/** Ten minutes; or short enough to watch the end of it. */
const holdSeconds = customer === 'pay' ? 600 : 2

type Order = { id: string; status: string; version: number; expiresAt: string | null }
type Payload = { order: Order | null; userErrors: { code: string; message: string }[] }
const ORDER = 'id status version expiresAt'

/** Every visit has a key: a call that is sent again after a lost connection is carried out once. */
const visit = crypto.randomUUID()

// waits for the outcome, so the shop knows at once whether the cart is there
const { order } = await mutate('createOrder', {
  lines: [{ sku, qty: 1 }],
  holdSeconds,
  ifShort: 'FAIL',
  waitMs: 5_000,
})
if (order.status === 'FAILED') throw new Error(`${sku} is out of stock`)
console.log(`held: ${order.status}`)

const sockets = createClient({
  url: url.replace('http', 'ws'),
  connectionParams: authorization ? { authorization } : {},
})
const changes = sockets.iterate<{ orderStatusChanged: Order }>({
  query: `subscription ($id: ID!, $afterVersion: Int) {
    orderStatusChanged(id: $id, afterVersion: $afterVersion) { ${ORDER} }
  }`,
  variables: { id: order.id, afterVersion: order.version },
})

// who fills in an address needs more time
await mutate('extendHold', { id: order.id, holdSeconds })
if (customer === 'pay') {
  // the payment is authorised here, and captured if the cart is still there: from expiresAt on this is HOLD_EXPIRED
  await mutate('confirmOrder', { id: order.id })
}

for await (const { data, errors } of changes) {
  if (!data) throw new Error(errors?.[0]?.message)
  const { status, expiresAt } = data.orderStatusChanged
  const isFirm = status === 'RESERVED' && expiresAt === null
  console.log(isFirm ? 'confirmed' : status === 'EXPIRED' ? 'expired' : 'extended')
  // the subscription of an order that is firm stays open, for what may follow
  if (isFirm) break
}
await sockets.dispose()

async function mutate(
  verb: 'createOrder' | 'extendHold' | 'confirmOrder',
  input: object,
): Promise<{ order: Order }> {
  const type = `${verb[0]!.toUpperCase()}${verb.slice(1)}Input`
  const query = `mutation ($input: ${type}!) {
    payload: ${verb}(input: $input) { order { ${ORDER} } userErrors { code message } }
  }`
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify({ query, variables: { input: { ...input, idempotencyKey: `${verb} ${visit}` } } }),
  })
  const { data, errors } = (await response.json()) as {
    data?: { payload: Payload }
    errors?: { message: string }[]
  }
  const order = data?.payload.order
  if (!order) throw new Error((errors ?? data?.payload.userErrors)?.[0]?.message)
  return { order }
}
