import { type Logger, pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Supplier } from '../../src/supplier/contract.ts'
import { Worker } from '../../src/tasks/worker.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { createWebhookClient } from '../../src/webhooks/webhook-client.ts'
import { execute } from '../support/graphql.ts'
import { createTestApp, eventually, listen, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { changeJobs, dropJobs, killJobs, readJobs } from '../support/queue.ts'
import { type StubAnswer, startStubSupplier } from '../support/stub-supplier.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`
const FROM = { 'x-request-id': 'shop-4711', traceparent: TRACEPARENT }
const CREATE = 'mutation { createOrder(input: { sku: "SCARCE", qty: 2 }) { order { id } } }'

type Line = Record<string, unknown>

let lines: Line[]
let test_: TestApp
let url: string
let ends: (() => Promise<unknown>)[]
beforeEach(async () => {
  lines = []
  ends = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const logger: Logger = pino({ level: 'info', base: null }, { write })
  test_ = await createTestApp(undefined, undefined, logger)
  ends.push(test_.close)
  const server = await listen(test_)
  ends.push(() => server.http.close())
  url = server.url
  await seed(test_.app).item({ sku: 'SCARCE' })
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
})

/** A worker with a supplier that answers as the script says. */
async function work(script: StubAnswer[] = []) {
  const supplier = await startStubSupplier(script)
  ends.push(supplier.close)
  const worker = await startTestWorker(test_, supplier)
  ends.push(() => worker.stop())
  return supplier
}

async function order(headers: Record<string, string> = FROM): Promise<string> {
  const response = await fetch(`${url}/api/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ sku: 'SCARCE', qty: 2 }),
  })
  return ((await response.json()) as { id: string }).id
}

const linesOf = (orderId: string) =>
  lines.filter((line) => line.orderId === orderId).map(({ level, time, ms, err, ...line }) => line)

/**
 * The lines of an order, once there is one of this message: its transitions by their versions, then the rest as they came. A job
 * that follows from a transition may write its lines before the transition's: another connection hears of the commit.
 */
async function linesUntil(orderId: string, msg: string): Promise<Line[]> {
  const transitions = () =>
    linesOf(orderId)
      .filter(({ version }) => version !== undefined)
      .toSorted((a, b) => Number(a.version) - Number(b.version))
  await eventually(
    () =>
      linesOf(orderId).some((line) => line.msg === msg) &&
      transitions().every(({ version }, index) => version === index + 1),
  )
  return [...transitions(), ...linesOf(orderId).filter(({ version }) => version === undefined)]
}

describe('the lines of an order', () => {
  test('tell of each transition and each call to its supplier, and go back to the request that asked for it', async () => {
    const { calls } = await work([
      503,
      { accepted: true, ref: 'r-1' },
      { status: 'delayed' },
      { status: 'ok' },
    ])
    const orderId = await order()
    const of = { orderId, requestId: 'shop-4711', traceId: TRACE_ID }
    const transition = { ...of, sku: 'SCARCE', qty: 2, reason: null, caller: 'anonymous' }
    const call = { ...of, msg: 'supplier call' }
    const reserving = { task: 'reserve-inventory', attempt: 1 }
    const checking = { task: 'check-supplier-status', attempt: 1 }
    expect(await linesUntil(orderId, 'OrderReserved')).toEqual([
      { ...transition, from: null, to: 'PENDING', version: 1, msg: 'OrderCreated' },
      {
        ...transition,
        ...reserving,
        from: 'PENDING',
        to: 'AWAITING_RESTOCK',
        version: 2,
        msg: 'OrderAwaitingRestock',
      },
      {
        ...transition,
        ...checking,
        from: 'AWAITING_RESTOCK',
        to: 'RESERVED',
        version: 3,
        msg: 'OrderReserved',
      },
      {
        ...call,
        operation: 'reserve',
        outcome: 'http-status',
        status: 503,
        attempt: 1,
        detail: 'HTTP 503 Service Unavailable',
      },
      { ...call, operation: 'reserve', outcome: 'accepted', status: 200, attempt: 2 },
      { ...call, operation: 'status', outcome: 'delayed', status: 200, attempt: 1 },
      { ...call, operation: 'status', outcome: 'ok', status: 200, attempt: 1 },
    ])
    expect(lines.every(({ msg, ms }) => msg !== 'supplier call' || Number.isInteger(ms))).toBe(true)
    expect(calls.map(({ headers }) => [headers['x-request-id'], headers.traceparent])).toEqual(
      Array(4).fill(['shop-4711', TRACEPARENT]),
    )
  })

  test.each([
    ['no traceparent', {}],
    ['one of another version', { traceparent: TRACEPARENT.replace('00-', '01-') }],
    ['one in capitals', { traceparent: TRACEPARENT.toUpperCase() }],
    ['one with an id of zeros', { traceparent: TRACEPARENT.replace(TRACE_ID, '0'.repeat(32)) }],
    ['two of them', { traceparent: `${TRACEPARENT}, ${TRACEPARENT}` }],
  ])('have the trace that the order is by itself where the request has %s', async (_name, headers) => {
    const { calls } = await work([{ accepted: false }])
    const orderId = await order({ ...headers, 'x-request-id': 'forged\tid' })
    const traceId = orderId.replaceAll('-', '')
    const found = await linesUntil(orderId, 'OrderFailed')
    expect(found.map((line) => line.traceId)).toEqual(Array(4).fill(traceId))
    expect(calls[0]!.headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-00$`))
    // the id that its answer had
    expect(found[0]!.requestId).toMatch(/^[0-9a-f-]{36}$/)
    expect(calls[0]!.headers['x-request-id']).toBe(found[0]!.requestId)
  })

  test('say how often the supplier was asked the same thing when its order ends for that', async () => {
    await work([503, 503, 503])
    const found = await linesUntil(await order(), 'OrderFailed')
    expect(found.find(({ msg }) => msg === 'OrderFailed')).toMatchObject({
      task: 'request-supplier',
      attempt: 3,
      reason: 'SUPPLIER_UNREACHABLE',
      requestId: 'shop-4711',
    })
    const [letter] = await test_.app.prisma.deadLetter.findMany()
    expect(letter).toMatchObject({
      traceId: TRACE_ID,
      payload: { origin: { caller: 'anonymous', requestId: 'shop-4711', traceparent: TRACEPARENT } },
    })
  })

  test('tell of each run of a job that failed, and of the end that the last one is', async () => {
    const broken = async () => {
      throw new Error('a bug')
    }
    const supplier: Supplier = { reserve: broken, checkStatus: broken, close: async () => {} }
    const { app, databaseUrl } = test_
    const webhookClient = createWebhookClient({ mayBePrivate: true })
    const options = { databaseUrl, supplier, webhookClient, concurrency: 5, reconcileIntervalMs: 3_600_000 }
    const worker = new Worker(app, options)
    await worker.start()
    ends.push(() => worker.stop())
    const orderId = await order()
    const of = { orderId, caller: 'anonymous', requestId: 'shop-4711', traceId: TRACE_ID }
    const run = { ...of, task: 'request-supplier', orders: 1, msg: 'job failed' }
    await linesUntil(orderId, 'job failed')
    expect(lines.find(({ msg }) => msg === 'job failed')).toMatchObject({
      level: 50,
      err: { message: 'a bug' },
    })
    await changeJobs(app.pool, { attemptsMax: 2 })
    await eventually(() => lines.some(({ outcome }) => outcome === 'given-up'))
    // the line of the transition that the job follows from may come later: another connection hears of its commit
    expect(linesOf(orderId).filter(({ task }) => task === 'request-supplier')).toEqual([
      { ...run, outcome: 'failed', attempt: 1, attemptsMax: 8 },
      {
        ...of,
        sku: 'SCARCE',
        qty: 2,
        from: 'AWAITING_RESTOCK',
        to: 'FAILED',
        reason: 'INTERNAL_ERROR',
        version: 3,
        task: 'request-supplier',
        attempt: 2,
        msg: 'OrderFailed',
      },
      { ...run, outcome: 'given-up', attempt: 2, attemptsMax: 2 },
    ])
  })

  test('name the job that the sweeper buries', async () => {
    const orderId = await order()
    await killJobs(test_.app.pool, 'gone')
    await sweep(test_.app)
    expect(linesOf(orderId).at(-1)).toMatchObject({
      msg: 'OrderFailed',
      task: 'reserve-inventory',
      attempt: 8,
      requestId: 'shop-4711',
      traceId: TRACE_ID,
    })
  })

  test('go back to the operator who retried it, in the trace that it was in', async () => {
    const orderId = await order()
    const { pool, prisma } = test_.app
    const [job] = await readJobs(pool, { orderIds: [orderId] })
    await dropJobs(pool, { ids: [job!.id] })
    const task = 'reserve-inventory'
    await failOrders(test_.app, [{ task, payload: job!.payload.orders[0], error: 'no disk', attempts: 8 }])
    const { id, traceId } = await prisma.deadLetter.findFirstOrThrow()
    expect(traceId).toBe(TRACE_ID)
    await work([{ accepted: false }])
    await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'operator-1' },
      body: JSON.stringify({ query: `mutation { retryDeadLetters(ids: ["${id}"]) { deadLetters { id } } }` }),
    })
    await eventually(() => linesOf(orderId).filter(({ msg }) => msg === 'OrderFailed').length === 2)
    const found = await linesUntil(orderId, 'supplier call')
    const reopened = found.findIndex(({ msg }) => msg === 'OrderReopened')
    expect(found.slice(reopened).map(({ msg, requestId, traceId }) => [msg, requestId, traceId])).toEqual([
      ['OrderReopened', 'operator-1', TRACE_ID],
      ['OrderAwaitingRestock', 'operator-1', TRACE_ID],
      ['OrderFailed', 'operator-1', TRACE_ID],
      ['supplier call', 'operator-1', TRACE_ID],
    ])
    expect(found[reopened]).not.toHaveProperty('task')
  })
})

test.each([
  ['none, as jobs of before had', null],
  ['one that is no object', '"anonymous"'],
  ['one without a caller', '{"requestId": "a"}'],
  ['one that would forge lines and headers', '{"caller": "a\\nb", "requestId": "a\\r\\nX-Evil: 1"}'],
])('a job runs whose payload has, for an origin, %s', async (_name, origin) => {
  const orderId = await order()
  const payload = { orders: [{ orderId, ...(origin && { origin: JSON.parse(origin) }) }] }
  await changeJobs(test_.app.pool, { payload })
  const { calls } = await work([{ accepted: false }])
  const found = await linesUntil(orderId, 'OrderFailed')
  expect(found[1]).toEqual({
    orderId,
    sku: 'SCARCE',
    qty: 2,
    from: 'PENDING',
    to: 'AWAITING_RESTOCK',
    reason: null,
    version: 2,
    task: 'reserve-inventory',
    attempt: 1,
    traceId: orderId.replaceAll('-', ''),
    msg: 'OrderAwaitingRestock',
  })
  expect(calls[0]!.headers).not.toHaveProperty('x-request-id')
})

describe('an order that comes by', () => {
  const created = (requestId: string) =>
    eventually(() => lines.find((line) => line.msg === 'OrderCreated' && line.requestId === requestId))

  test.each([
    ['a POST', 'application/json'],
    ['a POST that asks for a stream', 'text/event-stream'],
  ])('%s of GraphQL has the id and the trace of its request', async (_name, accept) => {
    const headers = { 'content-type': 'application/json', accept, ...FROM }
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query: CREATE }),
    })
    expect(await response.text()).toContain('"id"')
    expect(await created('shop-4711')).toMatchObject({ traceId: TRACE_ID, caller: 'anonymous' })
  })

  test('no request at all has none', async () => {
    const request = { sku: 'SCARCE', qty: 1, idempotencyKey: null, customerId: null }
    await createOrder(test_.app, LOCAL_OPERATOR, request)
    expect(lines.at(-1)).toMatchObject({ msg: 'OrderCreated', caller: 'anonymous' })
    expect(lines.at(-1)).not.toHaveProperty('requestId')
    const [job] = await readJobs(test_.app.pool)
    expect(job!.payload.orders[0].origin).toEqual({ caller: 'anonymous' })
  })
})

test('a request that failed is logged under the same name of its id', async () => {
  test_.app.pool.query = () => Promise.reject(new Error('a bug')) as never
  await fetch(`${url}/api/orders/0199c0de-0000-7000-8000-000000000001`, { headers: FROM })
  await execute({ url }, CREATE)
  expect(lines.filter(({ level }) => level === 50)).toMatchObject([
    { requestId: 'shop-4711' },
    { requestId: expect.stringMatching(/./) },
  ])
})
