import { readFile } from 'node:fs/promises'
import type { Registry } from 'prom-client'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TRANSACTIONS } from '../../src/database/transaction.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { FAILURE_REASONS, ORDER_STATUSES } from '../../src/domain/orders/order-status.ts'
import { STOCK_THRESHOLDS } from '../../src/domain/stock/thresholds.ts'
import { JOB_TASKS } from '../../src/domain/upkeep/jobs.ts'
import { WEBHOOK_STATUSES } from '../../src/domain/webhooks/webhook.ts'
import { DROP_REASONS, WATCH_TRANSPORTS } from '../../src/feed/watch-tally.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { measureSupplier } from '../../src/observability/metrics/measure-supplier.ts'
import { observeSupplier } from '../../src/observability/observe-supplier.ts'
import { createOrderLimiter } from '../../src/rate-limit/order-limiter.ts'
import { INVARIANTS } from '../../src/sql/upkeep/find-breaches.ts'
import { withCircuitBreaker } from '../../src/supplier/circuit-breaker.ts'
import { createSupplierClient } from '../../src/supplier/client.ts'
import { Worker } from '../../src/tasks/worker.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { checkNextInvariant } from '../../src/use-cases/upkeep/check-invariants.ts'
import { createWebhookClient } from '../../src/webhooks/webhook-client.ts'
import { createTestApp, eventually, SUPPLIER_URL, seed, type TestApp } from '../support/harness.ts'
import { untilNoJobs } from '../support/queue.ts'
import { parseScrape } from '../support/scrape.ts'
import { playSupplier } from '../support/supplier.ts'

const HOUR_MS = 3_600_000
const DOCS = new URL('../../docs/metrics.md', import.meta.url)

/** What each label may hold; a new one says it here. No value of these is one of any number. */
const LABEL_VALUES: Record<string, readonly string[] | RegExp> = {
  from: ['', ...ORDER_STATUSES],
  to: ORDER_STATUSES,
  reason: ['', ...FAILURE_REASONS, ...DROP_REASONS],
  task: JOB_TASKS,
  transaction: TRANSACTIONS,
  batch: [
    ...['create-order', 'change-order', 'reserve-inventory', 'settle-supplier-outcome'],
    ...['find-order', 'find-supplier-call', 'settle-try'],
  ],
  operation: ['reserve', 'status'],
  outcome: [
    ...['done', 'failed', 'given-up', 'committed'],
    ...['accepted', 'refused', 'ok', 'fail', 'delayed'],
    ...['delivered', 'gone'],
    ...['timeout', 'connection', 'http-status', 'malformed', 'too-large', 'redirect', 'circuit-open'],
  ],
  state: ['busy', 'idle', 'closed', 'open', 'half-open', 'ready', 'scheduled', 'held'],
  status: [...ORDER_STATUSES, ...WEBHOOK_STATUSES],
  by: ['calls', 'intake'],
  figures: ['status', 'invariants', 'webhooks'],
  store: ['memory', 'redis'],
  transport: WATCH_TRANSPORTS,
  threshold: STOCK_THRESHOLDS,
  invariant: INVARIANTS,
  le: /^(\+Inf|\d+(\.\d+)?)$/,
}

type Described = { name: string; help: string; type: string; labelNames: string[] }

let test_: TestApp
let text: string
let metrics: Described[]
/** What traffic has brought in that there is any number of. */
const ids: string[] = []

const supplier = playSupplier()
beforeAll(async () => {
  supplier.start()
  supplier.follow({ status: () => ({ status: 'fail' }) })
  // with all that is measured where it is configured; nobody listens at that port
  const logger = createLogger('silent')
  const limiter = createOrderLimiter({ ordersPerSecond: 10, redisUrl: 'redis://127.0.0.1:1', logger })
  test_ = await createTestApp(undefined, limiter)
  const { app, databaseUrl } = test_
  const client = createSupplierClient({ baseUrl: SUPPLIER_URL, timeoutMs: 500 })
  const guarded = withCircuitBreaker(client)
  const worker = new Worker(app, {
    databaseUrl,
    supplier: observeSupplier(guarded, measureSupplier(app.metrics, guarded)),
    webhookClient: createWebhookClient({ mayBePrivate: true }),
    concurrency: 50,
    reconcileIntervalMs: HOUR_MS,
  })
  await worker.start()
  await trade()
  text = await app.metrics.metrics()
  metrics = describeAll(app.metrics)
  await worker.stop()
  limiter.close()
})
afterAll(async () => {
  await test_.close()
  supplier.stop()
})

/** Orders that are reserved, that fail and that are refused, by several customers, two of whom watch. */
async function trade(): Promise<void> {
  const { app } = test_
  for (const sku of ['bolt', 'NUT']) await seed(app).item({ sku, available: 5 })
  ids.push('bolt', 'NUT', 'carla', 'key-of-carla')
  const orders = await Promise.all([
    seed(app).order({ sku: 'bolt', customerId: 'carla' }),
    seed(app).order({ sku: 'NUT', qty: 9, customerId: 'carla' }),
  ])
  ids.push(...orders.map(({ id }) => id))
  const request = { sku: 'bolt', qty: 1, idempotencyKey: 'key-of-carla', customerId: 'carla' }
  await Promise.allSettled(Array.from({ length: 20 }, () => createOrder(app, LOCAL_OPERATOR, request)))
  for (const transport of WATCH_TRANSPORTS) await app.feed.watch(LOCAL_OPERATOR, orders[0]!.id, 0, transport)
  app.feed.failViews()
  for (const _ of INVARIANTS) await checkNextInvariant(app, HOUR_MS)
  await untilNoJobs(app.pool)
  await eventually(async () =>
    /^holdfast_supplier_settling_seconds_count\{to="FAILED"\} 1$/m.test(await app.metrics.metrics()),
  )
}

function describeAll(registry: Registry): Described[] {
  return registry.getMetricsAsArray() as unknown as Described[]
}

/** The samples that are served, by metric as it is registered. */
function samples() {
  return parseScrape(text).samples
}

test('traffic has reached all of them', () => {
  const sampled = new Set(samples().map(({ name }) => name.replace(/_(bucket|sum|count)$/, '')))
  expect(metrics.map(({ name }) => name).filter((name) => !sampled.has(name))).toEqual([])
  expect(text).toMatch(/^holdfast_rate_limit_refusals_total\{store="memory"\} [1-9]/m)
  expect(text).toMatch(/^holdfast_supplier_settling_seconds_count\{to="FAILED"\} 1$/m)
})

describe('a metric', () => {
  test('has a help text of its own, which is served', () => {
    for (const { name, help } of metrics) {
      expect(help.length, name).toBeGreaterThan(15)
      expect(help, name).not.toMatch(/\.$|\n/)
      expect(text).toContain(`# HELP ${name} ${help}\n`)
    }
    expect(new Set(metrics.map(({ help }) => help)).size).toBe(metrics.length)
  })

  test('is named as Prometheus has it: base units, and _total for what is counted up', () => {
    for (const { name, type } of metrics) {
      expect(name).toMatch(/^holdfast_[a-z]+(_[a-z]+)*$/)
      expect(name.endsWith('_total'), name).toBe(type === 'counter')
      expect(name).not.toMatch(
        /_(ms|milliseconds?|minutes?|hours?|kb|mb|kilobytes|percent|count|sum|bucket)(_|$)/,
      )
      // a unit stands last, but for _total
      expect(name).not.toMatch(/_(seconds|bytes)_(?!total$)/)
      if (/_(duration|settling|age|delay|lag|timestamp|time)(_|$)/.test(name))
        expect(name).toMatch(/_seconds$/)
      if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes|size)$/)
    }
  })

  test('has labels of a few values, known beforehand', () => {
    for (const { name, labels } of samples()) {
      for (const [label, value] of Object.entries(labels)) {
        const known = LABEL_VALUES[label]
        const isKnown = known instanceof RegExp ? known.test(value) : (known ?? []).includes(value)
        expect(isKnown, `${name}{${label}="${value}"}`).toBe(true)
      }
    }
    expect(ids).toHaveLength(6)
    for (const id of ids) expect(text).not.toContain(id)
  })
})

describe('docs/metrics.md', () => {
  test('has a row for each metric with its labels, and for no other', async () => {
    const rows = [...(await readFile(DOCS, 'utf8')).matchAll(/^\| `(holdfast_\w+)` *\|([^|]*)\|/gm)]
    const documented = rows.map(([, name, labels]) => [
      name,
      [...labels!.matchAll(/`(\w+)`/g)].map((m) => m[1]),
    ])
    const served = metrics.map(({ name, labelNames }) => [name, labelNames.filter((label) => label !== 'le')])
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(served))
    expect(documented).toHaveLength(served.length)
  })

  test('asks only for series and labels that there are', async () => {
    const docs = await readFile(DOCS, 'utf8')
    const names = new Set(samples().map(({ name }) => name))
    const blocks = [...docs.matchAll(/```promql\n(.*?)```/gs)].map(([, block]) => block!)
    const queries = [...blocks, ...[...docs.matchAll(/^- `(.*)`/gm)].map(([, query]) => query!)]
    expect(queries.length).toBeGreaterThan(8)
    for (const query of queries) {
      for (const [, name, matchers = ''] of query.matchAll(/\b(holdfast_\w+)(?:\{(.*?)\})?/g)) {
        expect(names, query).toContain(name)
        const { labelNames } = metrics.find(
          (metric) => name!.replace(/_(bucket|sum|count)$/, '') === metric.name,
        )!
        for (const [, label, value] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"([^"]*)"/g)) {
          expect(labelNames, query).toContain(label)
          for (const one of value!.split('|')) expect(LABEL_VALUES[label!], query).toContain(one)
        }
      }
    }
  })
})
