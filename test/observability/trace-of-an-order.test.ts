import { setTimeout as sleep } from 'node:timers/promises'
import { hrTimeToMilliseconds } from '@opentelemetry/core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { subscribeBySse, subscribeByWebSocket } from '../support/graphql.ts'
import { eventually, joinTestApp, seed } from '../support/harness.ts'
import {
  idOf,
  inTransaction,
  nameOf,
  SPAN_ID,
  sql,
  TRACE_ID,
  TracedApp,
  type Tree,
  traceparent,
} from '../support/traced-app.ts'

const traced = new TracedApp()
beforeEach(() => traced.start())
afterEach(() => traced.end())
afterAll(() => traced.stopTracing())

const supplierCall = (operation: string, method: string, path: string): Tree => [
  `supplier ${operation}`,
  // ours, and the simulated supplier's
  [method, [`${method} ${path}`]],
]
const checking = (...rest: Tree[]): Tree => [
  'task check-supplier-status',
  ...sql('find-call-targets'),
  supplierCall('status', 'GET', '/supplier/status/:ref'),
  ...rest,
]
const askingAgain: Tree = [
  'settleSupplierOutcome',
  inTransaction('settle-supplier-outcomes', 'lock-orders', 'find-requests-of', 'save-requests', 'add-jobs'),
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
        'read-behind-lock',
        'move-orders',
        'save-requests',
        'add-jobs',
        'notify-watchers',
      ),
    ],
  ],
  [
    'task request-supplier',
    ...sql('find-call-targets'),
    supplierCall('reserve', 'POST', '/supplier/reserve'),
    askingAgain,
  ],
  checking(askingAgain),
  checking([
    'settleSupplierOutcome',
    inTransaction(
      'settle-supplier-outcomes',
      'lock-orders',
      'find-requests-of',
      'ensure-levels',
      'lock-stock',
      'read-behind-lock',
      'move-orders',
      'move-stock',
      // it is the first that ever came of the item
      'write-stock-states',
      'save-requests',
      'notify-watchers',
    ),
  ]),
]

describe('an order of a late supplier is one trace, from its request to its delivery', () => {
  test('by GraphQL and WebSocket', async () => {
    await seed(traced.testApp.app).item({ sku: 'SCARCE-LATE' })
    traced.spans.length = 0
    const id = await traced.orderByGraphql('SCARCE-LATE', { traceparent })
    const watching = traced.watch(subscribeByWebSocket, id)
    await eventually(() => traced.testApp.app.feed.watcherCount === 1)
    await traced.work()
    await watching
    await eventually(() => traced.spans.every((span) => span.ended))
    expect(traced.treeBelow(SPAN_ID)).toEqual([
      ['POST /graphql', ['Mutation.createOrder', CREATING, ...TASKS_OF_A_LATE_ORDER]],
    ])
    // fetching jobs, beating, listening and watching are none of its business, and have no traces of their own
    expect(traced.spans.filter((span) => span.spanContext().traceId !== TRACE_ID).map(nameOf)).toEqual([])
    const [created] = traced.find('Mutation.createOrder')
    const delivered = traced
      .find('deliver')
      .map(({ attributes, parentSpanContext }) => [attributes, parentSpanContext!.spanId])
    expect(delivered).toEqual([
      [{ 'holdfast.order.id': id, 'holdfast.order.version': 2 }, idOf(created!)],
      [{ 'holdfast.order.id': id, 'holdfast.order.version': 3 }, idOf(created!)],
    ])
    expect(
      traced.find('supplier status').map(({ attributes }) => attributes['holdfast.supplier.outcome']),
    ).toEqual(['delayed', 'ok'])
  })

  test('by REST and server-sent events', async () => {
    await seed(traced.testApp.app).item({ sku: 'SCARCE-LATE' })
    traced.spans.length = 0
    const response = await fetch(`${traced.url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', traceparent },
      body: '{"sku":"SCARCE-LATE","qty":1}',
    })
    const { id } = (await response.json()) as { id: string }
    const watching = traced.watch(subscribeBySse, id)
    await eventually(() => traced.testApp.app.feed.watcherCount === 1)
    await traced.work()
    await watching
    await eventually(() => traced.spans.every((span) => span.ended || nameOf(span) === 'POST'))
    expect(traced.find('deliver')).toHaveLength(2)
    expect(traced.treeBelow(SPAN_ID)).toEqual([['POST /api/order', CREATING, ...TASKS_OF_A_LATE_ORDER]])
  })

  test('across processes: who delivers need not be who worked', async () => {
    await seed(traced.testApp.app).item({ sku: 'SCARCE-REFUSED' })
    const other = await joinTestApp(traced.testApp, traced.tracing)
    traced.atEnd(other.close)
    const id = await traced.orderByGraphql('SCARCE-REFUSED', { traceparent })
    const watching = traced.watch(subscribeByWebSocket, id)
    await eventually(() => traced.testApp.app.feed.watcherCount === 1)
    // what reads an order takes its time, once it was heard of
    const read = traced.testApp.app.pool.query.bind(traced.testApp.app.pool)
    const slowlyMs = 100
    traced.testApp.app.pool.query = (async (...args: never[]) => {
      await sleep(slowlyMs)
      return (read as (...args: never[]) => unknown)(...args)
    }) as never
    await traced.work({ testApp: other })
    await watching
    const deliveries = traced.find('deliver')
    // a slow reader may have seen the last version alone
    expect(deliveries.at(-1)!.attributes['holdfast.order.version']).toBe(3)
    const [created] = traced.find('Mutation.createOrder')
    for (const { parentSpanContext, duration } of deliveries) {
      expect(hrTimeToMilliseconds(duration)).toBeGreaterThanOrEqual(slowlyMs - 2)
      expect(parentSpanContext).toMatchObject({ traceId: TRACE_ID, spanId: idOf(created!) })
    }
  })
})
