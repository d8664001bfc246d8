import { type ReadableSpan, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { expect, test } from 'vitest'
import { createSampler, type Sampling } from '../../src/observability/trace-sampler.ts'
import { createTracing } from '../../src/observability/tracing.ts'

// what is behind the hooks, called as the application calls them; traces.test.ts has the application

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

const jobOfNobody = { task: 'reserve-inventory', orderId: ORDER_ID, attempt: 1, origin: undefined }

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
  await tracing.job(jobOfNobody, async () => {})
  expect(spans.map((span) => span.spanContext().traceId)).toEqual(
    isRecorded ? [ORDER_ID.replaceAll('-', '')] : [],
  )
})
