import {
  type Context,
  context,
  createContextKey,
  isSpanContextValid,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import { getRPCMetadata, W3CTraceContextPropagator } from '@opentelemetry/core'
import { type Sampler, SamplingDecision } from '@opentelemetry/sdk-trace'
import { GraphQLError } from 'graphql'
import { CallError } from '../../domain/errors.ts'
import type { Order } from '../../domain/orders/order.ts'
import { type Origin, traceIdOf } from '../../domain/origin.ts'
import type { OrderRef } from '../../domain/upkeep/jobs.ts'
import type { SupplierCall } from '../../supplier/contract.ts'
import type { Tracing } from './trace-hooks.ts'

/** Work that is done for several: for how many, and the spans of those that are recorded. */
type Sharing = { size: number; spans: Span[] }
const SHARING = createContextKey('holdfast: work for several')

const ORDER_ID = 'holdfast.order.id'
const BATCH_SIZE = 'holdfast.batch.size'

/**
 * Makes spans of what the application says of itself.
 *
 * @param sampler the tracer's, asked as well whether the traces are recorded that begin without a request
 */
export function createTracing(tracer: Tracer, sampler: Sampler): Tracing {
  /** Where and since when orders are on their way to those who watch them. */
  const deliveryOf = new WeakMap<Order, { traceparent: string; since: number }>()

  function willDeliver(order: Order, traceparent: string | undefined, since: number): void {
    if (traceparent !== undefined) deliveryOf.set(order, { traceparent, since })
  }

  async function inSpan<Result>(
    name: string,
    options: SpanOptions,
    parent: Context,
    run: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const span = tracer.startSpan(name, options, parent)
    try {
      return await context.with(trace.setSpan(parent, span), () => run(span))
    } catch (error) {
      if (isFault(error)) {
        span.recordException(error as Error)
        span.setStatus({ code: SpanStatusCode.ERROR })
      }
      throw error
    } finally {
      span.end()
    }
  }

  function callSupplier<Answer extends { kind: string; cause?: string }>(
    operation: string,
    call: SupplierCall,
    ask: (call: SupplierCall) => Promise<Answer>,
  ): Promise<Answer> {
    const attributes = { [ORDER_ID]: call.orderId, 'holdfast.attempt': call.attempt }
    return inSpan(`supplier ${operation}`, { attributes }, context.active(), async (span) => {
      // the span of the request itself names itself as the parent of what the supplier does
      const answer = await ask({ ...call, traceparent: undefined })
      span.setAttribute('holdfast.supplier.outcome', answer.cause ?? answer.kind)
      if (answer.cause !== undefined) span.setStatus({ code: SpanStatusCode.ERROR })
      return answer
    })
  }

  /** The trace that an order is by itself, where nobody's request is known: below a span that nobody has recorded. */
  function orphanOf(orderId: string): string {
    const traceId = traceIdOf({ id: orderId })
    const { decision } = sampler.shouldSample(ROOT_CONTEXT, traceId, 'order', SpanKind.INTERNAL, {}, [])
    const isSampled = decision === SamplingDecision.RECORD_AND_SAMPLED
    return `00-${traceId}-${traceId.slice(-16)}-0${isSampled ? 1 : 0}`
  }

  /** What the work for an order goes back to, as its parent. */
  function parentOf(orderId: string, origin: Origin | undefined): Context {
    return asParent(origin?.traceparent ?? orphanOf(orderId))
  }

  function inJob<Result>(
    task: string,
    attempt: number,
    { orderId, origin }: OrderRef,
    run: (span: Span) => Promise<Result>,
  ): Promise<Result> {
    const attributes = { [ORDER_ID]: orderId, 'holdfast.attempt': attempt }
    const options = { kind: SpanKind.CONSUMER, attributes }
    return inSpan(`task ${task}`, options, parentOf(orderId, origin), run)
  }

  return {
    traceparent: () => {
      const span = trace.getSpanContext(context.active())
      if (!span || !isSpanContextValid(span)) return undefined
      return `00-${span.traceId}-${span.spanId}-0${span.traceFlags & 1}`
    },

    route: (path) => {
      const request = getRPCMetadata(context.active())
      if (request) request.route = path
    },

    field: (resolver) => (parent, args, graphql, info) => {
      const isUnderWay = trace.getSpan(context.active()) !== undefined
      const around = isUnderWay ? context.active() : asParent(graphql.requestOrigin.traceparent)
      const attributes = { 'graphql.field.path': String(info.path.key) }
      const name = `${info.parentType.name}.${info.fieldName}`
      return inSpan(name, { attributes }, around, async () => resolver(parent, args, graphql, info))
    },

    group: (useCase) => ({
      item: (run) => {
        const around = context.active()
        // each of several has the span of its job
        return useCase && !around.getValue(SHARING) ? inSpan(useCase, {}, around, run) : run()
      },
      activeContext: () => context.active(),
      commit: (contexts, run) => {
        const all = (contexts as Context[]).map(
          (item) => sharingOf(item) ?? { size: 1, spans: recordedIn(item) },
        )
        const spans = all.flatMap((sharing) => sharing.spans)
        const size = all.reduce((sum, sharing) => sum + sharing.size, 0)
        return context.with(shared(spans, size), run)
      },
    }),

    transaction: (name, run) => {
      const parent = context.active()
      // what is done of itself, every few seconds, is no trace
      if (!trace.getSpan(parent)) return run()
      const { size, spans } = sharingOf(parent) ?? { size: undefined, spans: [] }
      const options = {
        links: spans.map((span) => ({ context: span.spanContext() })),
        attributes: { [BATCH_SIZE]: size },
      }
      return inSpan(`transaction ${name}`, options, parent.deleteValue(SHARING), (span) => {
        for (const item of spans) item.addLink({ context: span.spanContext() })
        return run()
      })
    },

    job: async ({ task, attempt }, orders, run) => {
      if (orders.length === 1) return inJob(task, attempt, orders[0]!, run)
      // a span for each order, all around the same work
      const ended = Promise.withResolvers<void>()
      const spans: Span[] = []
      for (const order of orders) {
        void inJob(task, attempt, order, (span) => {
          if (span.isRecording()) spans.push(span)
          return ended.promise
        }).catch(() => {})
      }
      try {
        const result = await context.with(shared(spans, orders.length), run)
        ended.resolve()
        return result
      } catch (error) {
        ended.reject(error)
        throw error
      }
    },

    supplier: (supplier) => ({
      ...supplier,
      reserve: (order, call) => callSupplier('reserve', call, (call) => supplier.reserve(order, call)),
      checkStatus: (ref, call) => callSupplier('status', call, (call) => supplier.checkStatus(ref, call)),
    }),

    onEvents: (events) => {
      const now = Date.now()
      for (const { type, order, origin } of events) {
        willDeliver(order, origin?.traceparent, now)
        // by an operator, in a trace of their own
        if (type === 'OrderReopened' && origin?.traceparent !== undefined)
          trace.getActiveSpan()?.addLink({ context: trace.getSpanContext(asParent(origin.traceparent))! })
      }
    },

    onHeard: willDeliver,

    onDelivery: (order) => {
      const delivery = deliveryOf.get(order)
      if (!delivery) return
      const attributes = { [ORDER_ID]: order.id, 'holdfast.order.version': order.version }
      const options = { kind: SpanKind.PRODUCER, startTime: delivery.since, attributes }
      tracer.startSpan('deliver', options, asParent(delivery.traceparent)).end()
    },
  }
}

function sharingOf(around: Context): Sharing | undefined {
  return around.getValue(SHARING) as Sharing | undefined
}

function recordedIn(around: Context): Span[] {
  const span = trace.getSpan(around)
  return span?.isRecording() ? [span] : []
}

/** Where work is done for several: not where the first happens to come from, for that may be nowhere. */
function shared(spans: Span[], size: number): Context {
  const [first] = spans
  if (!first) return ROOT_CONTEXT
  const around = trace.setSpan(ROOT_CONTEXT, first)
  return size === 1 ? around : around.setValue(SHARING, { size, spans } satisfies Sharing)
}

/** Whether it is the service that failed: what a caller gets wrong, or may not do, is no failure of ours. */
function isFault(error: unknown): boolean {
  if (error instanceof CallError) return error.code === 'UNAVAILABLE'
  // what graphql-js and its plugins say of the request itself
  return !(error instanceof GraphQLError)
}

const propagator = new W3CTraceContextPropagator()

/** A span elsewhere, as the parent of spans here. */
function asParent(traceparent: string | undefined): Context {
  const getter = { get: () => traceparent, keys: () => ['traceparent'] }
  return traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, {}, getter)
}
