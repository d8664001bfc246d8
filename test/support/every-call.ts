import { expect } from 'vitest'
import { execute, subscribeByWebSocket } from './graphql.ts'
import { eventually } from './harness.ts'
import { get, placeOrder, readOrder, untilOrder } from './rest-orders.ts'
import type { Env, Processes } from './server-process.ts'

const LISTS = `{
  inventoryItems(first: 5) { edges { node { sku available } } }
  orders(first: 5, filter: { status: RESERVED }) { edges { node { id createdAt events { type at } movements { type createdAt } } } }
  movements(sku: "WIDGET", location: "MAIN", first: 5) { edges { node { type createdAt } } }
  locations { id code }
  deadLetters(first: 5) { edges { node { id } } }
  status { workersAlive orders { status count { count } } }
}`

/** Three processes one after the other, on a machine that is busy with other tests. */
export const STARTS_LIMIT_MS = 150_000

/** Two starts of the server in a row on one database, with every kind of call in each. */
export async function startTwice(processes: Processes, env: Env): Promise<void> {
  if (env.DATABASE_URL) {
    const seed = await processes.run('prisma/seed.ts', env).ended
    expect(seed.stderr).toBe('')
  }
  for (const _ of ['first', 'second']) {
    const server = await processes.startServer(env)
    await makeEveryCall(server)
    const { code, stderr } = await server.end('SIGTERM')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  }
  if (!env.DATABASE_URL) return
  const { code, stdout } = await processes.run('src/reconcile.ts', env).ended
  expect({ code, stdout }).toEqual({ code: 0, stdout: '0 breaches, 0 left\n' })
}

/** Orders by both APIs, what becomes of them, and every list; times have to be right, and the same everywhere. */
async function makeEveryCall(server: { url: string }): Promise<void> {
  const { url } = server
  await eventually(async () => (await get(url, '/health/ready')).status === 200)
  const sentAtMs = Date.now()
  const id = await placeOrder(url, 'WIDGET')
  await untilOrder(url, id, 'reserved')
  await untilOrder(url, await placeOrder(url, 'SCARCE-REFUSED'), 'failed')

  const created = await execute(
    server,
    `mutation { createOrder(input: { sku: "WIDGET", qty: 1 }) { order { id status } userErrors { message } } }`,
  )
  const view = subscribeByWebSocket(
    server,
    `subscription { orderStatusChanged(id: "${created.data.createOrder.order.id}") { status } }`,
  )
  for (let status = ''; status !== 'RESERVED'; ) {
    const { data, errors } = (await view.next())!
    expect(errors).toBeUndefined()
    status = data.orderStatusChanged.status
  }
  view.leave()
  await execute(
    server,
    `mutation { adjustInventory(input: { sku: "WIDGET", delta: 1, reason: "naïve ☃" }) { userErrors { message } } }`,
  ).then(({ errors, data }) => expect([errors, data.adjustInventory.userErrors]).toEqual([undefined, []]))

  await shipReturnAndCancel(server)
  const rest = await readOrder(url, id)
  const { data, errors } = await execute(
    server,
    `{ order(id: "${id}") { createdAt updatedAt events { at } inventoryItem { sku } } }`,
  )
  expect(errors).toBeUndefined()
  expect([data.order.createdAt, data.order.updatedAt]).toEqual([rest.created_at, rest.updated_at])
  expect(data.order.events[0].at).toBe(rest.created_at)
  expect(Math.abs(Date.parse(data.order.createdAt) - sentAtMs)).toBeLessThan(60_000)

  const lists = await execute(server, LISTS)
  expect(lists.errors).toBeUndefined()
  const found = lists.data.orders.edges.find(({ node }: { node: { id: string } }) => node.id === id)
  expect(found.node.createdAt).toBe(rest.created_at)
  expect(lists.data.status.workersAlive).toBeGreaterThan(0)
}

/** An order of two lines that is shipped in part, undone and shipped, that comes back in part, and of which a part is cancelled. */
async function shipReturnAndCancel(server: { url: string }): Promise<void> {
  const change = async (mutation: string) => {
    const { data, errors } = await execute(server, `mutation { ${mutation} }`)
    expect(errors).toBeUndefined()
    const [result] = Object.values(data) as { order: { id: string; status: string }; userErrors: unknown[] }[]
    expect(result!.userErrors).toEqual([])
    return result!
  }
  const result = 'order { id status lines { sku allocations { qty } } } userErrors { message }'
  const lines = 'lines: [{ sku: "WIDGET", qty: 3 }, { sku: "GADGET", qty: 2 }]'
  const { order } = await change(`createOrder(input: { ${lines}, reference: "every call" }) { ${result} }`)
  await untilOrder(server.url, order.id, 'reserved')
  const input = (more: string) => `input: { id: "${order.id}", ${more} }`
  const part = 'lines: [{ sku: "WIDGET", qty: 1 }]'
  const shipped = await change(`shipOrder(${input(part)}) { shipments { id } ${result} }`)
  const { shipments } = shipped as unknown as { shipments: { id: string }[] }
  await change(`undoShipment(input: { id: "${shipments[0]!.id}" }) { ${result} }`)
  await change(`cancelOrder(${input(part)}) { ${result} }`)
  expect((await change(`shipOrder(${input('reference: "parcel"')}) { ${result} }`)).order.status).toBe(
    'SHIPPED',
  )
  await change(`returnOrder(${input(part)}) { ${result} }`)
}
