import { context } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { GroupCommit } from '../../../src/database/group-commit.ts'
import { createSampler, type Sampling } from '../../../src/observability/traces/start-tracing.ts'
import { createTracing } from '../../../src/observability/traces/tracing.ts'

// what is behind the hooks, called as the application calls them; traces.test.ts has the application

context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

const ORDER_ID = '0199c0de-0000-7000-8000-000000000001'

/** Tracing that keeps what it records, in the order in which it ended. */
function keepTraces(sampling: Partial<Sampling> = {}) {
  const sampler = createSampler({ name: 'parentbased_always_on', ratio: 1, ...sampling })
  const spans: ReadableSpan[] = []
  const keepSpans: SpanProcessor = {
    onStart: () => {},
    onEnd: (span) => void spans.push(span),
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  const tracer = new TracerProvider({ sampler, spanProcessors: [keepSpans] }).getTracer('test')
  return { spans, tracing: createTracing(tracer, sampler) }
}

const aTry = { task: 'reserve-inventory', attempt: 1 } as const

test.each<[Sampling['name'], number, boolean]>([
  ['always_on', 1, true],
  ['always_off', 1, false],
  ['traceidratio', 0, false],
  ['parentbased_always_on', 1, true],
  ['parentbased_always_off', 1, false],
  ['parentbased_traceidratio', 0, false],
  ['parentbased_traceidratio', 1, true],
])('work of nobody is recorded as %s (%d) says of new traces: %s', async (name, ratio, isRecorded) => {
  const { spans, tracing } = keepTraces({ name, ratio })
  await tracing.job(aTry, [{ orderId: ORDER_ID }], async () => {})
  expect(spans.map((span) => span.spanContext().traceId)).toEqual(
    isRecorded ? [ORDER_ID.replaceAll('-', '')] : [],
  )
})

test.each<[Sampling['name'], number, boolean, boolean]>([
  ['always_on', 1, false, true],
  ['always_off', 1, true, false],
  ['traceidratio', 0, true, false],
  ['traceidratio', 1, false, true],
  ['parentbased_always_on', 1, false, false],
  ['parentbased_always_off', 1, true, true],
  ['parentbased_traceidratio', 0, true, true],
  ['parentbased_traceidratio', 1, false, false],
])(
  '%s (%d) of work whose trace is recorded (%s) records it: %s',
  async (name, ratio, isParent, isRecorded) => {
    const { spans, tracing } = keepTraces({ name, ratio })
    const traceparent = `00-${'1'.repeat(32)}-${'1'.repeat(16)}-0${isParent ? 1 : 0}`
    const origin = { caller: 'shop', traceparent }
    await tracing.job(aTry, [{ orderId: ORDER_ID, origin }], async () => {})
    expect(spans.length > 0).toBe(isRecorded)
  },
)

test('a transaction that items share has the size of all, and links with those that are recorded', async () => {
  const { spans, tracing } = keepTraces()
  const group = new GroupCommit<string | undefined, undefined>(
    (items) => tracing.transaction('reserve-inventory', async () => items.map(() => undefined)),
    { batchSizeMax: 10, waitingMax: 10, tracing: tracing.group('reserveInventory') },
  )
  const [first, second, unrecorded] = ['1', '2', '3'].map(
    (digit) => `00-${digit.repeat(32)}-${digit.repeat(16)}-0${digit === '3' ? 0 : 1}`,
  )
  await Promise.all(
    [unrecorded, first, second].map((traceparent) =>
      tracing.job(aTry, [{ orderId: ORDER_ID, origin: { caller: 'shop', traceparent } }], () =>
        group.submit(traceparent),
      ),
    ),
  )
  const items = spans.filter(({ name }) => name === 'reserveInventory').map((span) => span.spanContext())
  expect(items.map(({ traceId }) => traceId[0])).toEqual(['1', '2'])
  const [transaction, ...others] = spans.filter(({ name }) => name === 'transaction reserve-inventory')
  expect(others).toEqual([])
  expect(transaction!.attributes).toEqual({ 'holdfast.batch.size': 3 })
  expect(transaction!.links.map(({ context }) => context)).toEqual(items)
  expect(transaction!.parentSpanContext).toEqual(items[0])
})

test('a transaction of one item is below it, and has no size and no links', async () => {
  const { spans, tracing } = keepTraces()
  const { item, activeContext, commit } = tracing.group('reserveInventory')
  await item(() => commit([activeContext()], () => tracing.transaction('reserve-inventory', async () => {})))
  const [transaction, only] = spans
  expect(transaction!.parentSpanContext).toEqual(only!.spanContext())
  expect([transaction!.attributes, transaction!.links]).toEqual([{}, []])
})
