import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from './findings.ts'
import type { Random } from './random.ts'

/** What the supplier means to do about an order, however badly it says so. */
const PLANS = ['ok', 'ok', 'ok', 'late', 'later', 'fail', 'delayed', 'refused'] as const
const HARMS = [
  ...['no-answer', 'cut-before', 'cut-after', 'lost-reply', 'http-500', 'http-503', 'http-429'],
  ...['slow-body', 'slow-body-in-time', 'malformed', 'empty', 'wrong-shape', 'too-large', 'answered-twice'],
] as const
const HARM_PROBABILITY = 0.4
/** Longer than Holdfast waits. */
const NO_ANSWER_MS = 1_500
const PLANS_DELAYED = { late: 1, later: 2, delayed: Number.POSITIVE_INFINITY } as const

/** What the supplier has in its books about one idempotency key. */
export type SupplierRecord = {
  orderId: string
  sku: string
  qty: number
  plan: (typeof PLANS)[number]
  ref: string
  /** Requests under this key. */
  requests: number
  checks: number
}

export type HostileSupplier = {
  /** Where a process finds it: one for each, so that the supplier knows who asks. */
  urlFor(processIndex: number): string
  /** By idempotency key. */
  records: ReadonlyMap<string, SupplierRecord>
  /** From now on every answer is clear and in time. */
  behave(): void
  close(): Promise<void>
}

/**
 * A supplier on loopback that keeps its books well and answers badly.
 *
 * @param survives is called before a request of a process takes effect and before its answer goes; false: neither does
 */
export async function startHostileSupplier(
  random: Random,
  findings: Findings,
  survives: (processIndex: number, gap: string) => boolean,
): Promise<HostileSupplier> {
  const records = new Map<string, SupplierRecord>()
  const byRef = new Map<string, SupplierRecord>()
  let isHostile = true

  const server = createServer((request, response) => {
    request.on('error', () => {})
    response.on('error', () => {})
    void serve(request, response).catch(() => request.socket.destroy())
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = ''
    for await (const piece of request.setEncoding('utf8')) text += piece
    const processIndex = Number(request.url?.split('/')[1])
    const step = request.method === 'POST' ? 'ask supplier' : 'check supplier'
    if (!survives(processIndex, `… → ${step}`)) return void request.socket.destroy()
    const harm = isHostile && random.chance(HARM_PROBABILITY) ? random.pick(HARMS) : undefined
    if (harm) findings.count(`supplier: harm: ${harm}`)
    if (harm === 'cut-before') return void request.socket.resetAndDestroy()
    // some harm comes before the request had its effect, some after it
    const isBefore = harm?.startsWith('http-') && random.chance(0.5)
    const answer = isBefore ? {} : takeEffect(request, text)
    if (!survives(processIndex, `${step} → …`)) return void request.socket.destroy()
    await (harm ? answerBadly(harm, response, answer) : answerWell(response, answer))
  }

  function takeEffect(request: IncomingMessage, text: string): object | undefined {
    if (request.method === 'POST') {
      const { order_id: orderId, sku, qty } = JSON.parse(text)
      const key = String(request.headers['idempotency-key'])
      const known = records.get(key)
      if (known && (known.orderId !== orderId || known.sku !== sku || known.qty !== qty)) {
        findings.violate('the supplier is asked alike under one key', key, text)
      }
      const ref = `r${records.size}`
      const record = known ?? { orderId, sku, qty, plan: random.pick(PLANS), ref, requests: 0, checks: 0 }
      record.requests++
      records.set(key, record)
      byRef.set(record.ref, record)
      return record.plan === 'refused' ? { accepted: false } : { accepted: true, ref: record.ref }
    }
    const record = byRef.get(request.url?.split('/').at(-1) ?? '')
    if (!record) {
      findings.violate('the supplier is asked of references that it gave', String(request.url), 'unknown')
      return undefined
    }
    record.checks++
    if (record.plan === 'fail') return { status: 'fail' }
    const delays = record.plan in PLANS_DELAYED ? PLANS_DELAYED[record.plan as 'late'] : 0
    return { status: record.checks <= delays ? 'delayed' : 'ok' }
  }

  async function answerBadly(harm: (typeof HARMS)[number], response: ServerResponse, answer: object = {}) {
    const { socket } = response
    const text = JSON.stringify(answer)
    switch (harm) {
      case 'no-answer':
        await sleep(NO_ANSWER_MS, undefined, { ref: false })
        return void socket?.destroy()
      case 'lost-reply':
      case 'cut-after':
        return void (harm === 'lost-reply' ? socket?.destroy() : socket?.resetAndDestroy())
      case 'http-500':
        return void response.writeHead(500).end(text)
      case 'http-503':
      case 'http-429':
        return void response
          .writeHead(Number(harm.slice(5)), { 'retry-after': random.pick(['0', '1']) })
          .end()
      case 'slow-body':
      case 'slow-body-in-time': {
        const pauseMs = (harm === 'slow-body' ? 1_200 : 200) / text.length
        response.writeHead(200, { 'content-type': 'application/json' })
        for (const char of text) {
          if (response.destroyed) return
          response.write(char)
          await sleep(pauseMs)
        }
        return void response.end()
      }
      case 'malformed':
        return void response.end(
          random.pick([text.slice(0, -3), '<html>busy</html>', `${text}${text}`, '\0']),
        )
      case 'empty':
        return void response.end()
      case 'wrong-shape':
        return void response.end(
          random.pick(['{"accepted":"yes"}', '{"accepted":true}', '{"status":"OK"}', 'null', '[]', '{}']),
        )
      case 'too-large':
        return void response.end(`${' '.repeat(100_000)}${text}`)
      case 'answered-twice': {
        const head = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`
        return void socket?.end(`${head}${text}${head}${text}`)
      }
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    urlFor: (processIndex) => `http://127.0.0.1:${(server.address() as AddressInfo).port}/${processIndex}`,
    records,
    behave: () => {
      isHostile = false
    },
    close: async () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function answerWell(response: ServerResponse, answer: object | undefined): void {
  response
    .writeHead(answer ? 200 : 404, { 'content-type': 'application/json' })
    .end(JSON.stringify(answer ?? {}))
}
