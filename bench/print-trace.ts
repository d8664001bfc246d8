import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { subscribeBySse } from '../test/support/graphql.ts'
import { type ReceivedSpan, startOtlpReceiver } from '../test/support/otlp-receiver.ts'
import { endProcesses } from './child-process.ts'
import { createOrder } from './support/graphql-client.ts'
import { startHoldfast } from './support/holdfast.ts'

// `npm run -s trace`: starts a server that sends its traces here, orders what only a late supplier has, watches the order
// until it is final, and prints its trace. With `-- --sku SCARCE-DELAYED` another of the demo catalogue.

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { sku: { type: 'string', default: 'SCARCE-LATE' } } })
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-trace-'))
  const receiver = await startOtlpReceiver()
  try {
    const env = { DATA_DIR: dataDir, OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint }
    const holdfast = await startHoldfast(env)
    const id = await createOrder(holdfast.url, values.sku)
    await watchToEnd(holdfast.url, id)
    // as it stops, it sends off what it still has
    await holdfast[Symbol.asyncDispose]()
    const traceId = receiver.spans.find(({ name }) => name === 'Mutation.createOrder')!.traceId
    process.stdout.write(format(receiver.spans.filter((span) => span.traceId === traceId)))
  } finally {
    await endProcesses()
    await receiver.close()
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function watchToEnd(url: string, id: string): Promise<void> {
  const view = subscribeBySse({ url }, `subscription { orderStatusChanged(id: "${id}") { status } }`)
  for (;;) {
    const status = (await view.next())?.data.orderStatusChanged.status
    if (status === 'RESERVED' || status === 'FAILED') return view.leave()
  }
}

/** A line a span, below its parent: when it began, how long it took, and what it is. */
function format(spans: readonly ReceivedSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const firstMs = Math.min(...spans.map(({ startMs }) => startMs))
  const print = (span: ReceivedSpan, indent: string): string => {
    // OpenTelemetry's clock for when a span began has whole milliseconds
    const startedMs = (span.startMs - firstMs).toFixed(0).padStart(9)
    const tookMs = (span.endMs - span.startMs).toFixed(1).padStart(7)
    const children = spans
      .filter(({ parentId }) => parentId === span.spanId)
      .toSorted((one, other) => one.startMs - other.startMs)
    const line = `${startedMs} ${tookMs}  ${indent}${span.name.replace(/^(pg.query:\S+) .*/, '$1')}\n`
    return line + children.map((child) => print(child, `${indent}  `)).join('')
  }
  const roots = spans.filter(({ parentId }) => !ids.has(parentId))
  return ` began ms took ms  span\n${roots.map((root) => print(root, '')).join('')}`
}

await main()
