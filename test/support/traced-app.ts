import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { startTracing } from '../../src/observability/traces/start-tracing.ts'
import type { Subscribe } from './graphql.ts'
import { createTestApp, listen, startTestWorker, type TestApp } from './harness.ts'

export const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
/** The span of a caller, who has it in `traceparent`. */
export const SPAN_ID = 'b7ad6b7169203331'
export const traceparent = `00-${TRACE_ID}-${SPAN_ID}-01`

/** A span's name, and the spans below it. */
export type Tree = [string, ...Tree[]]

/** An application, served over HTTP, whose spans are kept. There is one of it in a process at a time. */
export class TracedApp {
  /** In the order in which they began. */
  readonly spans: ReadableSpan[] = []
  readonly #processor: SpanProcessor = {
    onStart: (span) => void this.spans.push(span),
    onEnd: () => {},
    forceFlush: async () => {},
    shutdown: async () => {},
  }
  readonly #started = startTracing({
    logger: createLogger('silent'),
    sampling: { name: 'parentbased_always_on', ratio: 1 },
    processor: this.#processor,
  })
  readonly tracing = this.#started.tracing
  testApp!: TestApp
  url!: string
  #ends: (() => Promise<unknown>)[] = []

  async start(): Promise<void> {
    this.testApp = await createTestApp(undefined, undefined, undefined, this.tracing)
    this.#ends = [this.testApp.close]
    const { http, url } = await listen(this.testApp)
    this.atEnd(() => http.close())
    this.url = url
    this.spans.length = 0
  }

  /** Has something ended before the application is. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end()
  }

  /** Ends tracing, after the last application. */
  stopTracing(): Promise<void> {
    return this.#started.stop()
  }

  /** Starts a worker, until the end. */
  async work({ testApp = this.testApp, supplierUrl = this.url, concurrency = 50 } = {}): Promise<void> {
    const worker = await startTestWorker(testApp, { baseUrl: supplierUrl, concurrency })
    this.atEnd(() => worker.stop())
  }

  /** @returns the order's id */
  async orderByGraphql(sku: string, headers: Record<string, string>): Promise<string> {
    const query = `mutation { createOrder(input: { sku: "${sku}", qty: 2 }) { order { id } } }`
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ query }),
    })
    const { data } = (await response.json()) as { data: { createOrder: { order: { id: string } } } }
    return data.createOrder.order.id
  }

  /** Watches an order until it is final, as a client does. */
  async watch(subscribe: Subscribe, id: string): Promise<void> {
    const view = subscribe(this, `subscription { orderStatusChanged(id: "${id}") { status } }`)
    for (;;) {
      const status = (await view.next())?.data.orderStatusChanged.status
      if (status === 'RESERVED' || status === 'FAILED') return view.leave()
    }
  }

  find(name: string): ReadableSpan[] {
    return this.spans.filter((span) => nameOf(span) === name)
  }

  /**
   * Spans as a tree, each below its parent, in the order in which they began. Waiting for connections is left out, and so
   * are deliveries: they go on beside it.
   */
  treeBelow(parentId: string | undefined): Tree[] {
    return this.spans
      .filter((span) => span.parentSpanContext?.spanId === parentId && !/^(pg-pool|deliver)/.test(span.name))
      .map((span) => [nameOf(span), ...this.treeBelow(idOf(span))])
  }
}

export function idOf(span: ReadableSpan): string {
  return span.spanContext().spanId
}

/** Without the database, which has another name each time. */
export function nameOf({ name }: ReadableSpan): string {
  return name.replace(/ holdfast_\w+$/, '')
}

/** The tree of each of these statements. */
export function sql(...names: string[]): Tree[] {
  return names.map((name) => [`pg.query:${name}`])
}

/** The tree of a transaction of these statements. */
export function inTransaction(name: string, ...names: string[]): Tree {
  return [`transaction ${name}`, ...sql('BEGIN', ...names, 'COMMIT')]
}
