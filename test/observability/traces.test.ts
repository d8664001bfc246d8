import { setTimeout as sleep } from 'node:timers/promises'
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { startTracing } from '../../src/observability/start-tracing.ts'
import { createOrder } from '../../src/use-cases/create-orders.ts'
import { failOrders } from '../../src/use-cases/fail-orders.ts'
import {
  connectByWebSocket,
  execute,
  type Subscribe,
  subscribeBySse,
  subscribeByWebSocket,
} from '../support/graphql.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  listen,
  seed,
  startTestWorker,
  type TestApp,
} from '../support/harness.ts'
import { startStubSupplier } from '../support/stub-supplier.ts'

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
const SPAN_ID = 'b7ad6b7169203331'
const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`

/** Keeps spans in the order in which they began. */
const spans: ReadableSpan[] = []
const keepSpans: SpanProcessor = {
  onStart: (span) => void spans.push(span),
  onEnd: () => {},
  forceFlush: async () => {},
  shutdown: async () => {},
}
const { tracing, stop } = startTracing({
  logger: createLogger('silent'),
  sampling: { name: 'parentbased_always_on', ratio: 1 },
  processor: keepSpans,
})
afterAll(stop)

let test_: TestApp
let url: string
let ends: (() => Promise<unknown>)[]
beforeEach(async () => {
  test_ = await createTestApp(undefined, undefined, undefined, tracing)
  ends = [test_.close]
  const server = await listen(test_)
  ends.push(() => server.http.close())
  url = server.url
  spans.length = 0
})
afterEach(async () => {
  for (const end of ends.toReversed()) await end()
})

async function work(testApp: TestApp, baseUrl: string): Promise<void> {
  const worker = await startTestWorker(testApp, { baseUrl })
  ends.push(() => worker.stop())
}

async function orderByGraphql(sku: string, headers: Record<string, string>): Promise<string> {
  const query = `mutation { createOrder(input: { sku: "${sku}", qty: 2 }) { order { id } } }`
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
  })
  return ((await response.json()) as { data: { createOrder: { order: { id: string } } } }).data.createOrder
    .order.id
}

/** Watches an order until it is final, as a client does. */
async function watch(subscribe: Subscribe, target: string, id: string): Promise<void> {
  const view = subscribe({ url: target }, `subscription { orderStatusChanged(id: "${id}") { status } }`)
  for (;;) {
    const status = (await view.next())?.data.orderStatusChanged.status
    if (status === 'RESERVED' || status === 'FAILED') return view.leave()
  }
}

const idOf = (span: ReadableSpan) => span.spanContext().spanId
/** Without the database, which has another name each time. */
const nameOf = ({ name }: ReadableSpan) => name.replace(/ holdfast_\w+$/, '')
const find = (name: string) => spans.filter((span) => nameOf(span) === name)

type Tree = [string, ...Tree[]]

/**
 * Spans as a tree, each below its parent, in the order in which they began. Waiting for connections is left out, and so are
 * deliveries: they go on beside it.
 */
function treeBelow(parentId: string | undefined): Tree[] {
  return spans
    .filter((span) => span.parentSpanContext?.spanId === parentId && !/^(pg-pool|deliver)/.test(span.name))
    .map((span) => [nameOf(span), ...treeBelow(idOf(span))])
}

const sql = (...names: string[]) => names.map((name): Tree => [`pg.query:${name}`])
const inTransaction = (name: string, ...names: string[]): Tree => [
  `transaction ${name}`,
  ...sql('BEGIN', ...names, 'COMMIT'),
]
const supplierCall = (operation: string, method: string, path: string): Tree => [
  `supplier ${operation}`,
  // ours, and the simulated supplier's
  [method, [`${method} ${path}`]],
]
const checking = (...rest: Tree[]): Tree => [
  'task check-supplier-status',
  ...sql('find-orders'),
  supplierCall('status', 'GET', '/supplier/status/:ref'),
  ...rest,
]
const askingAgain: Tree = [
  'settleSupplierOutcome',
  inTransaction('settle-supplier-outcomes', 'lock-orders', 'note-supplier-progress', 'add-jobs'),
]
const CREATING: Tree = ['createOrder', ['transaction create-orders', ...sql('insert-orders')]]
const TASKS_OF_A_LATE_ORDER: Tree[] = [
  [
    'task reserve-inventory',
    [
      'reserveInventory',
      inTransaction(
        'reserve-inventory',
        'lock-orders',
        'lock-stock',
        'move-orders',
        'add-jobs',
        'notify-watchers',
      ),
    ],
  ],
  [
    'task request-supplier',
    ...sql('find-orders'),
    supplierCall('reserve', 'POST', '/supplier/reserve'),
    askingAgain,
  ],
  checking(askingAgain),
  checking([
    'settleSupplierOutcome',
    inTransaction(
      'settle-supplier-outcomes',
      'lock-orders',
      'lock-stock',
      'move-stock',
      'move-orders',
      'notify-watchers',
    ),
  ]),
]

describe('an order of a late supplier is one trace, from its request to its delivery', () => {
  test('by GraphQL and WebSocket', async () => {
    await seed(test_.app).item({ sku: 'SCARCE-LATE' })
    spans.length = 0
    const id = await orderByGraphql('SCARCE-LATE', { traceparent })
    const watching = watch(subscribeByWebSocket, url, id)
    await eventually(() => test_.app.feed.watcherCount === 1)
    await work(test_, url)
    await watching
    await eventually(() => spans.every((span) => span.ended))
    expect(treeBelow(SPAN_ID)).toEqual([
      ['POST /graphql', ['Mutation.createOrder', CREATING, ...TASKS_OF_A_LATE_ORDER]],
    ])
    // fetching jobs, beating, listening and watching are none of its business, and have no traces of their own
    expect(spans.filter((span) => span.spanContext().traceId !== TRACE_ID).map(nameOf)).toEqual([])
    const [created] = find('Mutation.createOrder')
    const delivered = find('deliver').map(({ attributes, parentSpanContext }) => [
      attributes,
      parentSpanContext!.spanId,
    ])
    expect(delivered).toEqual([
      [{ 'holdfast.order.id': id, 'holdfast.order.version': 2 }, idOf(created!)],
      [{ 'holdfast.order.id': id, 'holdfast.order.version': 3 }, idOf(created!)],
    ])
    expect(find('supplier status').map(({ attributes }) => attributes['holdfast.supplier.outcome'])).toEqual([
      'delayed',
      'ok',
    ])
  })

  test('by REST and server-sent events', async () => {
    await seed(test_.app).item({ sku: 'SCARCE-LATE' })
    spans.length = 0
    const response = await fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent },
      body: '{"sku":"SCARCE-LATE","qty":1}',
    })
    const { id } = (await response.json()) as { id: string }
    const watching = watch(subscribeBySse, url, id)
    await eventually(() => test_.app.feed.watcherCount === 1)
    await work(test_, url)
    await watching
    await eventually(() => spans.every((span) => span.ended || nameOf(span) === 'POST'))
    expect(find('deliver')).toHaveLength(2)
    expect(treeBelow(SPAN_ID)).toEqual([['POST /api/order', CREATING, ...TASKS_OF_A_LATE_ORDER]])
  })

  test('across processes: who delivers need not be who worked', async () => {
    await seed(test_.app).item({ sku: 'SCARCE-REFUSED' })
    const other = await joinTestApp(test_, tracing)
    ends.push(other.close)
    const id = await orderByGraphql('SCARCE-REFUSED', { traceparent })
    const watching = watch(subscribeByWebSocket, url, id)
    await eventually(() => test_.app.feed.watcherCount === 1)
    // what reads an order takes its time, once it was heard of
    const read = test_.app.pool.query.bind(test_.app.pool)
    const slowlyMs = 100
    test_.app.pool.query = (async (...args: never[]) => {
      await sleep(slowlyMs)
      return (read as (...args: never[]) => unknown)(...args)
    }) as never
    await work(other, url)
    await watching
    const deliveries = find('deliver')
    // a slow reader may have seen the last version alone
    expect(deliveries.at(-1)!.attributes['holdfast.order.version']).toBe(3)
    const [created] = find('Mutation.createOrder')
    for (const { parentSpanContext, duration } of deliveries) {
      expect(hrTimeToMilliseconds(duration)).toBeGreaterThanOrEqual(slowlyMs - 2)
      expect(parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: idOf(created!) })
    }
  })
})

test('a transaction that several orders share is linked with each, and each with it', async () => {
  await seed(test_.app).item({ sku: 'A', available: 10 })
  spans.length = 0
  const asked = [1, 2].map((n) => ({ traceId: `${n}`.repeat(32), spanId: `${n}`.repeat(16), traceFlags: 1 }))
  const request = { sku: 'A', qty: 1, idempotencyKey: null, customerId: null }
  await Promise.all(
    asked.map((span) =>
      context.with(trace.setSpanContext(context.active(), span), () =>
        createOrder(test_.app, LOCAL_OPERATOR, { ...request, traceparent: tracing.traceparent() }),
      ),
    ),
  )
  await work(test_, url)
  await eventually(() => find('transaction reserve-inventory').some((span) => span.ended))
  await eventually(() => spans.every((span) => span.ended))
  const shared = [
    ['createOrder', 'transaction create-orders'],
    ['reserveInventory', 'transaction reserve-inventory'],
  ] as const
  for (const [useCase, name] of shared) {
    const items = find(useCase)
    const [transaction, ...others] = find(name)
    expect(others).toEqual([])
    expect(items.map((item) => item.spanContext().traceId)).toEqual(asked.map(({ traceId }) => traceId))
    expect(transaction!.parentSpanContext?.spanId).toBe(idOf(items[0]!))
    expect(transaction!.attributes).toEqual({ 'holdfast.batch.size': 2 })
    expect(transaction!.links.map(({ context }) => context)).toEqual(items.map((item) => item.spanContext()))
    for (const item of items) {
      expect(item.links.map(({ context }) => context)).toEqual([transaction!.spanContext()])
    }
  }
  expect(find('task reserve-inventory').map(({ parentSpanContext }) => parentSpanContext)).toMatchObject(
    asked,
  )
})

test('what comes by a WebSocket is in the trace that it was opened with; a stream has no span', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1 })
  const { id } = await seed(test_.app).order({ sku: 'A' })
  spans.length = 0
  const client = connectByWebSocket({ url }, { traceparent })
  ends.push(async () => client.dispose())
  const view = client.subscribe(`subscription { orderStatusChanged(id: "${id}") { status } }`)
  expect((await view.next())!.data.orderStatusChanged.status).toBe('PENDING')
  expect(spans.map(nameOf)).toEqual([])
  const asked = client.subscribe(`{ order(id: "${id}") { status } }`)
  expect((await asked.next())!.data.order.status).toBe('PENDING')
  view.leave()
  expect(treeBelow(SPAN_ID).map(([name]) => name)).toEqual(['Query.order'])
})

test('a job that is tried again is below the same span once more', async () => {
  await seed(test_.app).item({ sku: 'A', available: 2 })
  await test_.app.pool.query(`create function fail() returns trigger language plpgsql as
    $$ begin raise exception 'no disk'; end $$`)
  await test_.app.pool.query(
    'create trigger fail before insert on inventory_movements for each row execute function fail()',
  )
  spans.length = 0
  await orderByGraphql('A', { traceparent })
  await work(test_, url)
  await eventually(() => find('task reserve-inventory').some((span) => span.ended))
  await test_.app.pool.query('drop trigger fail on inventory_movements')
  await eventually(() => find('task reserve-inventory').filter((span) => span.ended).length === 2)
  const [created] = find('Mutation.createOrder')
  expect(find('task reserve-inventory')).toMatchObject([
    {
      attributes: { 'holdfast.attempt': 1 },
      status: { code: SpanStatusCode.ERROR },
      events: [{ name: 'exception', attributes: { 'exception.message': 'no disk' } }],
      parentSpanContext: { spanId: idOf(created!) },
    },
    {
      attributes: { 'holdfast.attempt': 2 },
      status: { code: SpanStatusCode.UNSET },
      events: [],
      parentSpanContext: { spanId: idOf(created!) },
    },
  ])
})

test('who retries a dead letter does so in a trace of their own, with a link to that of the order', async () => {
  await seed(test_.app).item({ sku: 'A', available: 2 })
  const orderId = await orderByGraphql('A', { traceparent })
  const { pool, prisma } = test_.app
  const { rows } = await pool.query('delete from graphile_worker._private_jobs returning payload')
  await failOrders(test_.app, [
    { orderId, deadLetter: { task: 'reserve-inventory', payload: rows[0].payload, error: '', attempts: 8 } },
  ])
  const { id } = await prisma.deadLetter.findFirstOrThrow()
  await execute({ url }, `mutation { retryDeadLetters(ids: ["${id}"]) { deadLetters { id } } }`)
  await work(test_, url)
  await eventually(() => find('task reserve-inventory').some((span) => span.ended))
  const [created] = find('Mutation.createOrder')
  const [retried] = find('Mutation.retryDeadLetters')
  expect(retried!.spanContext().traceId).not.toBe(TRACE_ID)
  expect(retried!.links).toMatchObject([{ context: { traceId: TRACE_ID, spanId: idOf(created!) } }])
  expect(find('task reserve-inventory')[0]!.parentSpanContext).toMatchObject({ spanId: idOf(created!) })
})

test('the supplier is told one span, which is the one that its call is', async () => {
  await seed(test_.app).item({ sku: 'SCARCE' })
  const supplier = await startStubSupplier([503, { accepted: false }])
  ends.push(supplier.close)
  await work(test_, supplier.baseUrl)
  await orderByGraphql('SCARCE', { traceparent })
  await eventually(() => supplier.calls.length === 2)
  // the stub is in this process, and its spans are too
  const calls = find('POST').filter(({ kind }) => kind === SpanKind.CLIENT)
  expect(supplier.calls.map(({ headers }) => headers.traceparent)).toEqual(
    calls.map((call) => `00-${TRACE_ID}-${idOf(call)}-01`),
  )
})

test('a trace that its caller does not record is not recorded here, and goes on to the supplier', async () => {
  await seed(test_.app).item({ sku: 'SCARCE' })
  const supplier = await startStubSupplier([{ accepted: false }])
  ends.push(supplier.close)
  await work(test_, supplier.baseUrl)
  spans.length = 0
  await orderByGraphql('SCARCE', { traceparent: traceparent.replace(/01$/, '00') })
  await eventually(() => supplier.calls.length > 0)
  expect(supplier.calls[0]!.headers.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`))
  expect(spans).toEqual([])
})

test('work of nobody has the trace that its order is by itself', async () => {
  await seed(test_.app).item({ sku: 'A', available: 1 })
  const { id } = await seed(test_.app).order({ sku: 'A' })
  await work(test_, url)
  await eventually(() => find('task reserve-inventory').length > 0)
  expect(find('task reserve-inventory')[0]!.spanContext().traceId).toBe(id.replaceAll('-', ''))
})

test('a job that fails for the last time is marked, and the end of its order is part of it', async () => {
  const { pool, groups } = test_.app
  await seed(test_.app).item({ sku: 'A', available: 2 })
  await orderByGraphql('A', { traceparent })
  await pool.query('update graphile_worker._private_jobs set max_attempts = 1')
  vi.spyOn(groups.reserveInventory, 'submit').mockRejectedValueOnce(new Error('a bug'))
  spans.length = 0
  await work(test_, url)
  await eventually(() => find('task reserve-inventory').some((span) => span.ended))
  const [job] = find('task reserve-inventory')
  expect(job!.spanContext().traceId).toBe(TRACE_ID)
  expect(job!.status.code).toBe(SpanStatusCode.ERROR)
  expect(job!.events).toMatchObject([{ name: 'exception', attributes: { 'exception.message': 'a bug' } }])
  expect(treeBelow(idOf(job!))).toEqual([
    inTransaction('fail-orders', 'lock-orders', 'move-orders', 'insert-dead-letters', 'notify-watchers'),
  ])
})

test('what a caller gets wrong is no failure', async () => {
  const wrong = '{ orders(first: 1, after: "nowhere") { edges { cursor } } }'
  expect(await execute({ url }, wrong)).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
  })
  expect(find('Query.orders')).toMatchObject([{ status: { code: SpanStatusCode.UNSET }, events: [] }])
})

test('what fails is marked, and tracing changes no answer', async () => {
  await seed(test_.app).item({ sku: 'A' })
  const real = test_.app.pool.query
  test_.app.pool.query = () => Promise.reject(new Error('no disk')) as never
  spans.length = 0
  const create = 'mutation { createOrder(input: { sku: "A", qty: 1 }) { order { id } } }'
  expect(await execute({ url }, create)).toMatchObject({ errors: [{ message: 'Unexpected error' }] })
  test_.app.pool.query = real
  for (const name of ['Mutation.createOrder', 'createOrder', 'transaction create-orders']) {
    expect(find(name)).toMatchObject([
      { status: { code: SpanStatusCode.ERROR }, events: [{ name: 'exception' }] },
    ])
  }
})
