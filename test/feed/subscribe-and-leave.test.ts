import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  connectByWebSocket,
  type Subscription,
  serveTestApp,
  subscribeBySse,
  type TestServer,
} from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const CYCLES = 10_000
const WARM_UP_CYCLES = 1_000
/** Cycles under way together: one connection each by server-sent events, one for all by WebSocket. */
const AT_ONCE = 50
/** A watcher that is kept holds its order and what its operation was made of: some 5 kB, 50 MB in all. */
const HEAP_GROWTH_MAX_BYTES = 10_000_000

const WATCH = `subscription ($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { id status version }
}`

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

let server: TestServer
let ids: string[]
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'PLENTY', available: 1_000_000 })
  ids = await Promise.all(
    Array.from({ length: 10 }, async () => (await seed(server.app).order({ sku: 'PLENTY' })).id),
  )
})
afterAll(() => server.close())

type Subscribe = (variables: object) => Subscription

/** The ways to leave: at once, before there is an event, after the first, and with a change on its way. */
const visits: ((subscribe: Subscribe, id: string) => Promise<void>)[] = [
  async (subscribe, id) => subscribe({ id }).leave(),
  async (subscribe, id) => {
    const subscription = subscribe({ id, afterVersion: 100 })
    await new Promise((resolve) => setTimeout(resolve, 1))
    subscription.leave()
  },
  async (subscribe, id) => {
    const subscription = subscribe({ id })
    expect((await subscription.next())?.data.orderStatusChanged.id).toBe(id)
    subscription.leave()
  },
  async (subscribe) => {
    const { id } = await seed(server.app).order({ sku: 'PLENTY' })
    const subscription = subscribe({ id })
    await subscription.next()
    const change = reserveOrders(server.app, [id])
    subscription.leave()
    await change
  },
]
/** The costly way is one in so many. */
const CHANGE_EVERY = 40

async function comeAndGo(cycles: number): Promise<void> {
  for (let done = 0; done < cycles; done += AT_ONCE) {
    const client = connectByWebSocket(server)
    const bySse: Subscribe = (variables) => subscribeBySse(server, WATCH, variables)
    const byWebSocket: Subscribe = (variables) => client.subscribe(WATCH, variables)
    await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => {
        const visit = index % CHANGE_EVERY === 0 ? visits[3]! : visits[index % 3]!
        return visit(Math.floor(index / 3) % 3 === 0 ? bySse : byWebSocket, ids[index % ids.length]!)
      }),
    )
    // every other client hangs up without a word
    if ((done / AT_ONCE) % 2 === 0) client.terminate()
    else await client.dispose()
  }
}

async function heapWithoutWatchers(): Promise<number> {
  await eventually(() => server.app.feed.watcherCount === 0)
  // what sockets hold is let go of once their closing is through
  await new Promise((resolve) => setTimeout(resolve, 200))
  collectGarbage()
  return process.memoryUsage().heapUsed
}

test('10,000 clients that subscribe and leave, each in its way, leave no watcher and no memory behind', async () => {
  await comeAndGo(WARM_UP_CYCLES)
  const before = await heapWithoutWatchers()
  await comeAndGo(CYCLES)
  expect((await heapWithoutWatchers()) - before).toBeLessThan(HEAP_GROWTH_MAX_BYTES)
  const last = subscribeBySse(server, WATCH, { id: ids[0] })
  expect((await last.next())?.data.orderStatusChanged.version).toBe(1)
  last.leave()
  await eventually(() => server.app.feed.watcherCount === 0)
})
