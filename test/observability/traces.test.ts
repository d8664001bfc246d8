import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { createWebhookClient } from '../../src/webhooks/webhook-client.ts'
import { connectByWebSocket, execute } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { changeJobs, dropJobs, readJobs } from '../support/queue.ts'
import { startStubSupplier } from '../support/stub-supplier.ts'
import {
  idOf,
  inTransaction,
  nameOf,
  SPAN_ID,
  TRACE_ID,
  TracedApp,
  traceparent,
} from '../support/traced-app.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

const traced = new TracedApp()
beforeEach(() => traced.start())
afterEach(() => traced.end())
afterAll(() => traced.stopTracing())

test('a call of a webhook exports no URL, and tells its receiver of no trace', async () => {
  const receiver = await startReceiver()
  traced.atEnd(() => receiver.close())
  const client = createWebhookClient({ mayBePrivate: true })
  traced.atEnd(() => client.close())
  const span = { traceId: TRACE_ID, spanId: SPAN_ID, traceFlags: 1 }
  const sent = await context.with(trace.setSpanContext(context.active(), span), async () => {
    await fetch(traced.url)
    return client.send({ url: receiver.url, id: 'evt_m1', body: '{}', keys: [Buffer.alloc(32)] })
  })
  expect(sent.responseStatus).toBe(204)
  expect(receiver.received[0]!.headers).not.toHaveProperty('traceparent')
  const urls = traced.spans.flatMap(({ attributes }) => attributes['url.full'] ?? [])
  expect(urls).toContain(`${traced.url}/`)
  expect(urls.filter((url) => String(url).startsWith(receiver.url))).toEqual([])
})

test('a transaction that several orders share is linked with each, and each with it', async () => {
  await seed(traced.testApp.app).item({ sku: 'A', available: 10 })
  traced.spans.length = 0
  const asked = [1, 2].map((n) => ({ traceId: `${n}`.repeat(32), spanId: `${n}`.repeat(16), traceFlags: 1 }))
  const request = { sku: 'A', qty: 1, idempotencyKey: null, customerId: null }
  await Promise.all(
    asked.map((span) =>
      context.with(trace.setSpanContext(context.active(), span), () =>
        createOrder(traced.testApp.app, LOCAL_OPERATOR, {
          ...request,
          traceparent: traced.tracing.traceparent(),
        }),
      ),
    ),
  )
  await traced.work()
  await eventually(() => traced.find('transaction reserve-inventory').some((span) => span.ended))
  await eventually(() => traced.spans.every((span) => span.ended))
  const shared = [
    ['createOrder', 'transaction create-orders'],
    // the orders share a job: each has a span of it
    ['task reserve-inventory', 'transaction reserve-inventory'],
  ] as const
  for (const [useCase, name] of shared) {
    const items = traced.find(useCase)
    const [transaction, ...others] = traced.find(name)
    expect(others).toEqual([])
    expect(items.map((item) => item.spanContext().traceId)).toEqual(asked.map(({ traceId }) => traceId))
    expect(transaction!.parentSpanContext?.spanId).toBe(idOf(items[0]!))
    expect(transaction!.attributes).toEqual({ 'holdfast.batch.size': 2 })
    expect(transaction!.links.map(({ context }) => context)).toEqual(items.map((item) => item.spanContext()))
    for (const item of items) {
      expect(item.links.map(({ context }) => context)).toEqual([transaction!.spanContext()])
    }
  }
  expect(
    traced.find('task reserve-inventory').map(({ parentSpanContext }) => parentSpanContext),
  ).toMatchObject(asked)
})

test('each order of a job of several is below what it came by, also where jobs share a transaction', async () => {
  const { app } = traced.testApp
  await seed(app).item({ sku: 'A', available: 100 })
  const asked = Array.from({ length: 12 }, (_, n) => ({
    traceId: (n + 1).toString(16).repeat(32),
    spanId: (n + 1).toString(16).repeat(16),
  }))
  const request = { sku: 'A', qty: 1, idempotencyKey: null, customerId: null }
  for (const commit of [asked.slice(0, 4), asked.slice(4, 8), asked.slice(8)]) {
    await Promise.all(
      commit.map(({ traceId, spanId }) =>
        createOrder(app, LOCAL_OPERATOR, { ...request, traceparent: `00-${traceId}-${spanId}-01` }),
      ),
    )
  }
  expect((await readJobs(app.pool)).map(({ orderIds }) => orderIds.length)).toEqual([4, 4, 4])
  traced.spans.length = 0
  await traced.work()
  await eventually(() => traced.find('task reserve-inventory').filter((span) => span.ended).length === 12)
  const tasks = traced.find('task reserve-inventory')
  expect(new Set(tasks.map(({ parentSpanContext }) => parentSpanContext?.traceId))).toEqual(
    new Set(asked.map(({ traceId }) => traceId)),
  )
  const transactions = traced.find('transaction reserve-inventory')
  const sizes = transactions.map(({ attributes }) => Number(attributes['holdfast.batch.size']))
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(12)
  for (const task of tasks) {
    expect(task).toMatchObject({ kind: SpanKind.CONSUMER, attributes: { 'holdfast.attempt': 1 } })
    expect(task.links).toHaveLength(1)
    const transaction = transactions.find((one) => idOf(one) === task.links[0]!.context.spanId)
    expect(transaction!.links.map(({ context }) => context.spanId)).toContain(idOf(task))
  }
})

test('what comes by a WebSocket is in the trace that it was opened with; a stream has no span', async () => {
  await seed(traced.testApp.app).item({ sku: 'A', available: 1 })
  const { id } = await seed(traced.testApp.app).order({ sku: 'A' })
  traced.spans.length = 0
  const client = connectByWebSocket(traced, { traceparent })
  traced.atEnd(async () => client.dispose())
  const view = client.subscribe(`subscription { orderStatusChanged(id: "${id}") { status } }`)
  expect((await view.next())!.data.orderStatusChanged.status).toBe('PENDING')
  expect(traced.spans.map(nameOf)).toEqual([])
  const asked = client.subscribe(`{ order(id: "${id}") { status } }`)
  expect((await asked.next())!.data.order.status).toBe('PENDING')
  view.leave()
  expect(traced.treeBelow(SPAN_ID).map(([name]) => name)).toEqual(['Query.order'])
})

test('a job that is tried again is below the same span once more', async () => {
  await seed(traced.testApp.app).item({ sku: 'A', available: 2 })
  await traced.testApp.app.pool.query(`create function fail() returns trigger language plpgsql as
    $$ begin raise exception 'no disk'; end $$`)
  await traced.testApp.app.pool.query(
    'create trigger fail before insert on inventory_movements for each row execute function fail()',
  )
  traced.spans.length = 0
  await traced.orderByGraphql('A', { traceparent })
  await traced.work()
  await eventually(() => traced.find('task reserve-inventory').some((span) => span.ended))
  await traced.testApp.app.pool.query('drop trigger fail on inventory_movements')
  await eventually(() => traced.find('task reserve-inventory').filter((span) => span.ended).length === 2)
  const [created] = traced.find('Mutation.createOrder')
  expect(traced.find('task reserve-inventory')).toMatchObject([
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
  await seed(traced.testApp.app).item({ sku: 'A', available: 2 })
  await traced.orderByGraphql('A', { traceparent })
  const { pool, prisma } = traced.testApp.app
  const [job] = await readJobs(pool)
  await dropJobs(pool)
  const payload = job!.payload.orders[0]
  await failOrders(traced.testApp.app, [{ task: 'reserve-inventory', payload, error: '', attempts: 8 }])
  const { id } = await prisma.deadLetter.findFirstOrThrow()
  await execute(traced, `mutation { retryDeadLetters(ids: ["${id}"]) { deadLetters { id } } }`)
  await traced.work()
  await eventually(() => traced.find('task reserve-inventory').some((span) => span.ended))
  const [created] = traced.find('Mutation.createOrder')
  const [retried] = traced.find('Mutation.retryDeadLetters')
  expect(retried!.spanContext().traceId).not.toBe(TRACE_ID)
  expect(retried!.links).toMatchObject([{ context: { traceId: TRACE_ID, spanId: idOf(created!) } }])
  expect(traced.find('task reserve-inventory')[0]!.parentSpanContext).toMatchObject({
    spanId: idOf(created!),
  })
})

test('the supplier is told one span, which is the one that its call is', async () => {
  await seed(traced.testApp.app).item({ sku: 'SCARCE' })
  const supplier = await startStubSupplier([503, { accepted: false }])
  traced.atEnd(supplier.close)
  await traced.work({ supplierUrl: supplier.baseUrl })
  await traced.orderByGraphql('SCARCE', { traceparent })
  await eventually(() => supplier.calls.length === 2)
  // the stub is in this process, and its spans are too
  const calls = traced.find('POST').filter(({ kind }) => kind === SpanKind.CLIENT)
  expect(supplier.calls.map(({ headers }) => headers.traceparent)).toEqual(
    calls.map((call) => `00-${TRACE_ID}-${idOf(call)}-01`),
  )
})

test('a trace that its caller does not record is not recorded here, and goes on to the supplier', async () => {
  await seed(traced.testApp.app).item({ sku: 'SCARCE' })
  const supplier = await startStubSupplier([{ accepted: false }])
  traced.atEnd(supplier.close)
  await traced.work({ supplierUrl: supplier.baseUrl })
  traced.spans.length = 0
  await traced.orderByGraphql('SCARCE', { traceparent: traceparent.replace(/01$/, '00') })
  await eventually(() => supplier.calls.length > 0)
  expect(supplier.calls[0]!.headers.traceparent).toMatch(new RegExp(`^00-${TRACE_ID}-[0-9a-f]{16}-00$`))
  expect(traced.spans).toEqual([])
})

test('work of nobody has the trace that its order is by itself', async () => {
  await seed(traced.testApp.app).item({ sku: 'A', available: 1 })
  const { id } = await seed(traced.testApp.app).order({ sku: 'A' })
  await traced.work()
  await eventually(() => traced.find('task reserve-inventory').length > 0)
  expect(traced.find('task reserve-inventory')[0]!.spanContext().traceId).toBe(id.replaceAll('-', ''))
})

test('a job that fails for the last time is marked, and the end of its order is part of it', async () => {
  const { pool, groups } = traced.testApp.app
  await seed(traced.testApp.app).item({ sku: 'A', available: 2 })
  await traced.orderByGraphql('A', { traceparent })
  await changeJobs(pool, { attemptsMax: 1 })
  vi.spyOn(groups.reserveInventory, 'submit').mockRejectedValueOnce(new Error('a bug'))
  traced.spans.length = 0
  await traced.work()
  await eventually(() => traced.find('task reserve-inventory').some((span) => span.ended))
  const [job] = traced.find('task reserve-inventory')
  expect(job!.spanContext().traceId).toBe(TRACE_ID)
  expect(job!.status.code).toBe(SpanStatusCode.ERROR)
  expect(job!.events).toMatchObject([{ name: 'exception', attributes: { 'exception.message': 'a bug' } }])
  expect(traced.treeBelow(idOf(job!))).toEqual([
    inTransaction(
      'fail-orders',
      'lock-orders',
      'find-requests-of',
      'find-holdings',
      'lock-stock',
      'read-behind-lock',
      'move-orders',
      'insert-dead-letters',
      'notify-watchers',
    ),
  ])
})

test('what a caller gets wrong is no failure', async () => {
  const wrong = '{ orders(first: 1, after: "nowhere") { edges { cursor } } }'
  expect(await execute(traced, wrong)).toMatchObject({
    errors: [{ extensions: { code: 'BAD_USER_INPUT' } }],
  })
  expect(traced.find('Query.orders')).toMatchObject([{ status: { code: SpanStatusCode.UNSET }, events: [] }])
})

test('what fails is marked, and tracing changes no answer', async () => {
  await seed(traced.testApp.app).item({ sku: 'A' })
  const real = traced.testApp.app.pool.query
  traced.testApp.app.pool.query = () => Promise.reject(new Error('no disk')) as never
  traced.spans.length = 0
  const create = 'mutation { createOrder(input: { sku: "A", qty: 1 }) { order { id } } }'
  expect(await execute(traced, create)).toMatchObject({ errors: [{ message: 'Unexpected error' }] })
  traced.testApp.app.pool.query = real
  for (const name of ['Mutation.createOrder', 'createOrder', 'transaction create-orders']) {
    expect(traced.find(name)).toMatchObject([
      { status: { code: SpanStatusCode.ERROR }, events: [{ name: 'exception' }] },
    ])
  }
})
