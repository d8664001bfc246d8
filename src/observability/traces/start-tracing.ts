import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { context, DiagLogLevel, diag, propagation } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { HttpInstrumentation } from '@opentelemetry/instrumentation-http'
import { PgInstrumentation } from '@opentelemetry/instrumentation-pg'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace'
import pg from 'pg'
import type { Logger } from 'pino'
import { TRACES_FLUSH_TIMEOUT_MS } from '../../limits.ts'
import { BACKLOG_BATCH_MAX } from '../../use-cases/orders/reserve-inventory.ts'
import { logTracing } from './log-tracing.ts'
import type { Tracing } from './trace-hooks.ts'
import { createTracing } from './tracing.ts'

export type TracingOptions = {
  logger: Logger
  sampling: Sampling
  /** What gets the spans, in the place of OTEL_EXPORTER_OTLP_ENDPOINT. */
  processor?: SpanProcessor
}

/** Asked every few seconds by machines, and no part of any order's trace. */
const UNTRACED = /^\/(health|metrics)\b/
/** Calls with this header are of webhooks: a span would export the URL, which is often a secret, and traceparent would go to strangers. */
const OF_WEBHOOKS = 'webhook-signature'

/**
 * Starts to trace this process: what the application says of itself, its HTTP calls both ways, its SQL. Once a process,
 * and before it serves.
 *
 * Nothing has to be loaded by way of hooks: what is instrumented is patched where it is, whoever has loaded it.
 *
 * @returns the hooks for the application, and what sends off the last spans, for as long as that may take
 */
export function startTracing({ logger, sampling, processor }: TracingOptions): {
  tracing: Tracing
  stop: () => Promise<void>
} {
  diag.setLogger(logTracing(logger), DiagLogLevel.WARN)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  const sampler = createSampler(sampling)
  const provider = new TracerProvider({
    // what the environment says comes last, and so counts
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'holdfast' }))
      .merge(detectResources({ detectors: [envDetector] })),
    sampler,
    spanLimits: { linkCountLimit: BACKLOG_BATCH_MAX },
    spanProcessors: [processor ?? new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  })
  instrument(provider)
  return {
    tracing: createTracing(provider.getTracer('holdfast'), sampler),
    stop: async () => {
      const flushed = provider.shutdown().catch(() => {})
      await Promise.race([flushed, sleep(TRACES_FLUSH_TIMEOUT_MS, undefined, { ref: false })])
    },
  }
}

function instrument(provider: TracerProvider): void {
  const incoming = new HttpInstrumentation({
    enabled: false,
    ignoreIncomingRequestHook: ({ url = '' }) => UNTRACED.test(url),
    // undici makes all calls; the exporter's are its own
    disableOutgoingRequestInstrumentation: true,
  })
  // without a parent: fetching jobs, heartbeats, listening
  const sql = new PgInstrumentation({ enabled: false, requireParentSpan: true })
  const outgoing = new UndiciInstrumentation({
    requireParentforSpans: true,
    ignoreRequestHook: ({ headers }) => headers.includes(OF_WEBHOOKS),
  })
  for (const instrumentation of [incoming, sql, outgoing]) instrumentation.setTracerProvider(provider)
  const modules: Record<string, unknown> = { http, pg, 'pg-pool': pg.Pool }
  for (const { name, patch } of [...incoming.getModuleDefinitions(), ...sql.getModuleDefinitions()]) {
    if (name in modules) patch?.(modules[name])
  }
}

/** Which traces are recorded, as OTEL_TRACES_SAMPLER and OTEL_TRACES_SAMPLER_ARG say it. */
export type Sampling = { name: SamplerName; ratio: number }

type SamplerName = 'always_on' | 'always_off' | 'traceidratio' | `parentbased_${RootName}`
type RootName = 'always_on' | 'always_off' | 'traceidratio'

export function createSampler({ name, ratio }: Sampling): Sampler {
  const [, parentBased, root] = /^(parentbased_)?(.+)$/.exec(name) as unknown as [string, string?, RootName?]
  const sampler = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(ratio),
  }[root!]()
  return parentBased ? new ParentBasedSampler({ root: sampler }) : sampler
}
