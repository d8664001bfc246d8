// Follows the stock of a server as its clients would, each stream on a connection of its own. It is sent which streams to open,
// says when all are, and then checks what each received.

import { Agent, get } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { quantile } from './quantile.ts'
import type { ExpectedChange, StreamsQuestion, StreamsReport, StreamsRequest } from './stock-streams.ts'

const POLL_INTERVAL_MS = 20

/** What a client of GraphQL asks for: about as much as REST sends. */
const SUBSCRIPTION = `subscription ($skus: [String!]) {
  inventoryChanged(skus: $skus) {
    movement { id sku type delta reservedDelta availableAfter reservedAfter createdAt location { code } }
    cursor isRepeat crossed availableToPromise
  }
}`
/** An id in an event of either API. To parse the events would take this process longer than the server has to send them. */
const MOVEMENT_ID = /"movement":\{"id":"(\d+)"/g

// one connection each, without limit
const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY })

/** What a stream is of, and what it has received. */
type Stream = { sku: string | null; ids: number[]; atMs: number[] }

function pathOf(sku: string | null, isRest: boolean): string {
  if (isRest) return `/api/inventory/changes${sku === null ? '' : `?sku=${sku}`}`
  const variables = JSON.stringify({ skus: sku === null ? null : [sku] })
  return `/graphql?${new URLSearchParams({ query: SUBSCRIPTION, variables })}`
}

/** Resolves once the server has begun to answer. */
function open(url: string, sku: string | null, isRest: boolean): Promise<Stream> {
  const stream: Stream = { sku, ids: [], atMs: [] }
  return new Promise((resolve, reject) => {
    const request = get(
      url + pathOf(sku, isRest),
      { agent, headers: { accept: 'text/event-stream' } },
      (response) => {
        if (response.statusCode !== 200) return reject(new Error(`A stream got ${response.statusCode}`))
        let rest = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          const atMs = performance.timeOrigin + performance.now()
          const text = rest + chunk
          const whole = text.lastIndexOf('\n\n') + 2
          rest = text.slice(whole)
          for (const [, id] of text.slice(0, whole).matchAll(MOVEMENT_ID)) {
            stream.ids.push(Number(id))
            stream.atMs.push(atMs)
          }
        })
        response.on('end', () => fail(new Error('A stream ended')))
        resolve(stream)
      },
    )
    request.on('error', reject)
  })
}

function check(streams: readonly Stream[], expected: readonly ExpectedChange[]): StreamsReport {
  const latenciesMs: number[] = []
  let wrong = 0
  let received = 0
  for (const { sku, ids, atMs } of streams) {
    const own = expected.filter((change) => sku === null || change.sku === sku)
    received += ids.length
    if (ids.length !== own.length || own.some(({ id }, index) => id !== ids[index])) wrong++
    else
      for (const [index, { committedAtMs }] of own.entries()) latenciesMs.push(atMs[index]! - committedAtMs)
  }
  return {
    kind: 'received',
    wrong,
    received,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
  }
}

function send(report: StreamsReport): void {
  process.send!(report)
}

function fail(error: Error): void {
  send({ kind: 'failed', message: error.message })
}

process.once('message', async ({ url, skus }: StreamsRequest) => {
  const opened = skus.map((sku, index) => open(url, sku, index % 2 === 0))
  const streams = await Promise.all(opened).catch(fail)
  if (!streams) return
  send({ kind: 'open' })
  process.once('message', async ({ expected, limitMs }: StreamsQuestion) => {
    const countOf = (sku: string | null) =>
      expected.filter((change) => sku === null || change.sku === sku).length
    const counts = streams.map(({ sku }) => countOf(sku))
    for (const deadline = performance.now() + limitMs; performance.now() < deadline; ) {
      if (streams.every(({ ids }, index) => ids.length >= counts[index]!)) break
      await sleep(POLL_INTERVAL_MS)
    }
    // what comes twice may come late
    await sleep(10 * POLL_INTERVAL_MS)
    send(check(streams, expected))
  })
})
process.once('disconnect', () => process.exit(0))
