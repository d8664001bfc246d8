import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import { startTcpProxy } from '../../chaos/tcp-proxy.ts'
import { INVARIANTS } from '../../src/sql/upkeep/find-breaches.ts'
import { test as base } from '../support/fixtures.ts'
import { findFreePort } from '../support/free-port.ts'
import { execute } from '../support/graphql.ts'
import { eventually, seed, type TestApp } from '../support/harness.ts'
import { courseOf, inGoodOrder, order, sumOf, until } from '../support/observed-server.ts'
import { readAlerts } from '../support/ops-files.ts'
import { assertAlerts, assertRules, type Course, hasPromtool } from '../support/promtool.ts'
import { changeJobs } from '../support/queue.ts'
import { hasRedis, startRedis } from '../support/redis.ts'
import { type Scrape, scrape } from '../support/scrape.ts'
import { type Env, Processes, type RunningServer } from '../support/server-process.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

// CI has both: there, a missing one is a failure
const isSkipped = !(hasPromtool() && hasRedis()) && process.env.CI !== 'true'
if (isSkipped) {
  process.stderr.write(
    'SKIPPED: alerts were not tried on faults, for there is no promtool or no redis-server on the PATH\n',
  )
}

const HOUR_MIN = 60
/** How long a fault lasts unless it says so itself: longer than any alert takes to fire, but for those that wait for hours. */
const FAULT_MIN = 30

/** Where a fault happens: a database, and servers on it. */
type Site = {
  testApp: TestApp
  query: (text: string, values?: unknown[]) => Promise<unknown>
  start: (env?: Env) => Promise<RunningServer>
}

/** A fault, and which alerts it makes fire: after how many minutes, and by when at the latest where that is not soon. */
type Trial = {
  alerts: Record<string, number | [minutesMin: number, minutesMax: number]>
  provoke: (site: Site) => Promise<Course>
  faultMinutes?: number
}

/** What an expression of a minute's or two's window takes to become true. */
const SOON_MIN = 2

const test = base.extend('site', async ({ testApp }, { onCleanup }): Promise<Site> => {
  const { app, databaseUrl } = testApp
  const processes = new Processes()
  onCleanup(() => processes.end())
  await seed(app).item({ sku: 'PLENTY', available: 1_000 })
  for (const sku of ['A-FAIL', 'A-DOWN', 'A-DELAYED']) await seed(app).item({ sku })
  return {
    testApp,
    query: (text, values) => app.pool.query(text, values),
    start: (env = {}) =>
      processes.startServer({ DATABASE_URL: databaseUrl, RECONCILE_INTERVAL_MS: '1000', ...env }),
  }
})

/** A server in good order with a webhook, whose receiver answers with this status. */
async function startWithReceiver(start: Site['start'], status: number) {
  const receiver = await startReceiver()
  receiver.follow(() => status)
  const server = await start({ WEBHOOK_PRIVATE_ADDRESSES: 'allow' })
  const input = `{ url: "${receiver.url}", events: ["inventory.changed"] }`
  const before = await inGoodOrder(server)
  await execute(server, `mutation { createWebhook(input: ${input}) { webhook { id } } }`)
  return { server, before, receiver }
}

const TRIALS: Record<string, Trial> = {
  // these two wait for a minute and for half a minute: they come first, so that others run meanwhile
  'a database that is away': {
    alerts: { HoldfastDatabaseFailing: 5, HoldfastFiguresUnknown: [1, 4] },
    provoke: async ({ testApp, start }) => {
      const { port, href } = new URL(testApp.databaseUrl)
      const pass = () => true
      const proxy = await startTcpProxy(Number(port), () => ({ toServer: pass, toClient: pass }))
      const server = await start({ DATABASE_URL: href.replace(`:${port}/`, `:${proxy.port}/`) })
      const before = await inGoodOrder(server)
      proxy.refuse(true)
      proxy.cutAll()
      expect(await order(server, 'PLENTY', 5)).toEqual([503, 503, 503, 503, 503])
      // until they are too old to be shown
      const after = await until(
        server,
        (shown) => !shown.samples.some(({ name }) => name === 'holdfast_workers_alive'),
      )
      await proxy.close()
      return courseOf(before, after)
    },
  },
  'a hold that cannot be released': {
    alerts: { HoldfastHoldsOverdue: 1, HoldfastDrift: 0 },
    provoke: async ({ testApp, query, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      const { id } = await seed(testApp.app).order({ sku: 'PLENTY' })
      await until(server, (shown) => sumOf(shown, 'holdfast_oldest_open_order_age_seconds') === 0)
      await query(`update orders set expires_at = now() + interval '1 s' where id = $1`, [id])
      const blocker = await testApp.app.pool.connect()
      try {
        // nobody ends it for being idle
        await blocker.query('begin; set local idle_in_transaction_session_timeout = 0')
        await blocker.query('select from orders where id = $1 for update', [id])
        const isOverdue = (shown: Scrape) =>
          sumOf(shown, 'holdfast_hold_overdue_seconds') > 30 && sumOf(shown, 'holdfast_reconcile_drift') > 0
        return courseOf(before, await until(server, isOverdue))
      } finally {
        await blocker.query('rollback')
        blocker.release()
      }
    },
  },
  'a supplier that nobody can reach': {
    alerts: { HoldfastSupplierFailing: 5, HoldfastSupplierCircuitOpen: 2 },
    provoke: async ({ start }) => {
      const nobody = `http://127.0.0.1:${await findFreePort()}`
      const server = await start({
        SUPPLIER_URL: nobody,
        SUPPLIER_RETRY_BASE_MS: '1',
        SUPPLIER_MAX_ATTEMPTS: '100',
      })
      const before = await inGoodOrder(server)
      await order(server, 'A-DOWN', 20)
      const after = await until(
        server,
        (shown) => sumOf(shown, 'holdfast_supplier_circuit', { state: 'open' }) === 1,
      )
      // with its next beat the worker tells all processes
      await eventually(async () => {
        const { data } = await execute(server, '{ status { supplierCircuit } }')
        return ['OPEN', 'HALF_OPEN'].includes(data.status.supplierCircuit)
      })
      return courseOf(before, after)
    },
  },
  'a supplier that fails orders': {
    alerts: { HoldfastOrdersFailing: [15, 24] },
    provoke: async ({ start }) => {
      const server = await start({ SUPPLIER_RECHECK_DELAY_MS: '0' })
      const before = await inGoodOrder(server)
      await order(server, 'A-FAIL', 3)
      const after = await until(
        server,
        (shown) => sumOf(shown, 'holdfast_order_transitions_total', { to: 'FAILED' }) === 3,
      )
      return courseOf(before, after)
    },
  },
  'a supplier that never comes to an end with an order': {
    alerts: { HoldfastOrdersAwaitingRestock: 15 },
    provoke: async ({ query, start }) => {
      const server = await start({ SUPPLIER_RECHECK_DELAY_MS: '3600000' })
      const before = await inGoodOrder(server)
      await order(server, 'A-DELAYED')
      await until(server, (shown) => sumOf(shown, 'holdfast_oldest_supplier_request_age_seconds') > 0)
      await query(`update supplier_requests set asked_at = now() - interval '40 min' where ended_at is null`)
      const isOld = (shown: Scrape) => sumOf(shown, 'holdfast_oldest_supplier_request_age_seconds') > 1_800
      return courseOf(before, await until(server, isOld))
    },
  },
  'a queue that is served without an end': {
    alerts: { HoldfastQueueServedLong: 2 },
    provoke: async ({ query, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      await query(
        `select graphile_worker.add_job('serve-waiting', '{"sku": "PLENTY"}', run_at := now() + interval '1 h')`,
      )
      await query(`insert into serving (sku, since) values ('PLENTY', now() - interval '10 min')`)
      const isLong = (shown: Scrape) => sumOf(shown, 'holdfast_oldest_serving_mark_age_seconds') > 300
      return courseOf(before, await until(server, isLong))
    },
  },
  'a transaction that stays open while somebody follows the stock': {
    alerts: { HoldfastStockStreamLagging: 2 },
    provoke: async ({ testApp, start }) => {
      const server = await start()
      const stream = await fetch(`${server.url}/api/inventory/changes`)
      const before = await inGoodOrder(server)
      const blocker = await testApp.app.pool.connect()
      try {
        // nobody ends it for being idle
        await blocker.query('begin; set local idle_in_transaction_session_timeout = 0')
        await blocker.query('lock table inventory_movements in row exclusive mode')
        await seed(testApp.app).stock({ sku: 'PLENTY' })
        const isLagging = (shown: Scrape) => sumOf(shown, 'holdfast_stock_stream_lag_seconds') > 5
        return courseOf(before, await until(server, isLagging))
      } finally {
        await blocker.query('rollback')
        blocker.release()
        await stream.body!.cancel()
      }
    },
  },
  'a webhook whose receiver is gone': {
    alerts: { HoldfastWebhookDisabled: 2 },
    provoke: async ({ testApp, start }) => {
      const { server, before, receiver } = await startWithReceiver(start, 410)
      await seed(testApp.app).stock({ sku: 'PLENTY' })
      const isDisabled = (shown: Scrape) => sumOf(shown, 'holdfast_webhooks', { status: 'DISABLED' }) === 1
      return courseOf(before, await until(server, isDisabled).finally(receiver.close))
    },
  },
  'a webhook whose receiver fails': {
    alerts: { HoldfastWebhookFailing: 5 },
    provoke: async ({ testApp, query, start }) => {
      const { server, before, receiver } = await startWithReceiver(start, 500)
      await seed(testApp.app).stock({ sku: 'PLENTY' })
      await until(server, (shown) => sumOf(shown, 'holdfast_webhook_failing_seconds') > 0)
      await query(`update webhooks set failing_since = now() - interval '2 h'`)
      const isFailing = (shown: Scrape) => sumOf(shown, 'holdfast_webhook_failing_seconds') > 3_600
      return courseOf(before, await until(server, isFailing).finally(receiver.close))
    },
  },
  'a transaction that stays open while a webhook listens': {
    alerts: { HoldfastWebhooksBehind: 5 },
    provoke: async ({ testApp, query, start }) => {
      const { server, before, receiver } = await startWithReceiver(start, 204)
      const blocker = await testApp.app.pool.connect()
      try {
        // nobody ends it for being idle
        await blocker.query('begin; set local idle_in_transaction_session_timeout = 0')
        await blocker.query('lock table inventory_movements in row exclusive mode')
        await seed(testApp.app).stock({ sku: 'PLENTY' })
        await query(
          `update inventory_movements set created_at = now() - interval '10 min' where type = 'ADJUSTMENT'`,
        )
        const isBehind = (shown: Scrape) => sumOf(shown, 'holdfast_webhook_overdue_seconds') > 300
        return courseOf(before, await until(server, isBehind))
      } finally {
        await blocker.query('rollback')
        blocker.release()
        await receiver.close()
      }
    },
  },
  'a webhook that is behind while another fails': {
    alerts: { HoldfastWebhooksBehind: 5, HoldfastWebhookFailing: 5 },
    provoke: async ({ testApp, query, start }) => {
      const { server, before, receiver } = await startWithReceiver(start, 500)
      await seed(testApp.app).stock({ sku: 'PLENTY' })
      await until(server, (shown) => sumOf(shown, 'holdfast_webhook_failing_seconds') > 0)
      await query(`update webhooks set failing_since = now() - interval '2 h'`)
      const input = `{ url: "${receiver.url}", events: ["inventory.changed"] }`
      const { data } = await execute(server, `mutation { createWebhook(input: ${input}) { webhook { id } } }`)
      // a process without the key of its secret sends it nothing
      const { id } = data.createWebhook.webhook
      await query(`update webhooks set secret = 'aes256gcm.AA.AA.AA' where id = $1`, [id])
      await seed(testApp.app).stock({ sku: 'PLENTY' })
      const longAgo = `update webhook_deliveries set next_attempt_at = now() - interval '10 min' where webhook_id = $1`
      await eventually(async () => (await testApp.app.pool.query(longAgo, [id])).rowCount === 1)
      const isBoth = (shown: Scrape) =>
        sumOf(shown, 'holdfast_webhook_overdue_seconds') > 300 &&
        sumOf(shown, 'holdfast_webhook_failing_seconds') > 3_600
      return courseOf(before, await until(server, isBoth).finally(receiver.close))
    },
  },
  'a worker that is killed': {
    alerts: {
      HoldfastNoWorkerAlive: 1,
      HoldfastProcessDown: 5,
      HoldfastOrdersPending: 2,
      HoldfastQueueStalled: 2,
    },
    provoke: async ({ testApp, query, start }) => {
      const api = await start({ ROLE: 'api' })
      const worker = await start({ ROLE: 'worker' })
      const before = { api: await inGoodOrder(api), worker: await until(worker, () => true) }
      await worker.end('SIGKILL')
      await order(api, 'PLENTY')
      // it was some minutes ago
      await query(`update orders set created_at = now() - interval '10 min' where status = 'PENDING'`)
      await changeJobs(testApp.app.pool, { dueInMs: -600_000 })
      const after = await until(api, (shown) => sumOf(shown, 'holdfast_workers_alive') === 0)
      return { before, after: { api: after, worker: null } }
    },
  },
  'the only process is killed': {
    alerts: { HoldfastDown: 1, HoldfastProcessDown: 5 },
    provoke: async ({ start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      await server.end('SIGKILL')
      return courseOf(before, null)
    },
  },
  'an order that is given up': {
    alerts: { HoldfastDeadLetters: 0 },
    provoke: async ({ start }) => {
      const server = await start({ SUPPLIER_MAX_ATTEMPTS: '1' })
      const before = await inGoodOrder(server)
      await order(server, 'A-DOWN')
      const after = await until(
        server,
        (shown) =>
          sumOf(shown, 'holdfast_dead_letters_open') === 1 &&
          sumOf(shown, 'holdfast_dead_letters_total') === 1,
      )
      return courseOf(before, after)
    },
  },
  'a dead letter that nobody looks at': {
    alerts: { HoldfastDeadLettersOpen: 24 * HOUR_MIN },
    faultMinutes: 25 * HOUR_MIN,
    provoke: async ({ query, start }) => {
      const server = await start({ SUPPLIER_MAX_ATTEMPTS: '1' })
      await inGoodOrder(server)
      await order(server, 'A-DOWN')
      const open = await until(server, (shown) => sumOf(shown, 'holdfast_dead_letters_open') === 1)
      await query('update dead_letters set retried_at = now()')
      const closed = await until(server, (shown) => sumOf(shown, 'holdfast_dead_letters_open') === 0)
      return courseOf(closed, open)
    },
  },
  'a statement that the database refuses': {
    alerts: { HoldfastJobsFailing: [10, 14], HoldfastDatabaseFailing: 5 },
    provoke: async ({ query, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      await query(
        `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$`,
      )
      await query(
        `create trigger refuse before insert on inventory_movements for each row execute function refuse()`,
      )
      // one after the other: orders of one commit would share their job and its tries
      for (let count = 0; count < 20; count++) await order(server, 'PLENTY', 1)
      const after = await until(
        server,
        (shown) => sumOf(shown, 'holdfast_job_duration_seconds_count', { outcome: 'failed' }) >= 20,
      )
      return courseOf(before, after)
    },
  },
  'a counter that somebody has changed': {
    alerts: { HoldfastDrift: 0 },
    provoke: async ({ testApp, query, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      testApp.allowBreaches('the alert is of one', 'available is the sum of the movements')
      await query(`update stock_levels set available = available + 1 where sku = 'PLENTY'`)
      const after = await until(server, (shown) => sumOf(shown, 'holdfast_reconcile_drift') > 0)
      return courseOf(before, after)
    },
  },
  'invariants that nobody checks': {
    alerts: { HoldfastInvariantsUnchecked: 2 * HOUR_MIN },
    faultMinutes: 3 * HOUR_MIN,
    provoke: async ({ query, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      await server.end('SIGTERM')
      const idle = await start({ RECONCILE_INTERVAL_MS: '604800000' })
      await query(`update invariant_checks set finished_at = now() - interval '4 h' where invariant = $1`, [
        INVARIANTS[0],
      ])
      const isOld = (shown: Scrape) => {
        const checkedAtS = sumOf(shown, 'holdfast_reconcile_last_success_timestamp_seconds')
        return checkedAtS > 0 && shown.atS - checkedAtS > 3 * 3_600
      }
      return courseOf(before, await until(idle, isOld))
    },
  },
  'more calls than there are connections, and more than are let in': {
    alerts: { HoldfastOverloaded: 5, HoldfastPoolExhausted: 5 },
    provoke: async ({ testApp, start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      const client = await testApp.app.pool.connect()
      await client.query('begin; lock table orders')
      const leaving = new AbortController()
      const calls = Array.from({ length: 350 }, () =>
        fetch(`${server.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ query: '{ orders { edges { node { id } } } }' }),
          signal: leaving.signal,
        }).then(
          ({ status }) => status,
          () => null,
        ),
      )
      const after = await until(
        server,
        (shown) =>
          sumOf(shown, 'holdfast_refused_calls_total') > 0 &&
          sumOf(shown, 'holdfast_database_pool_waiting') > 0,
      )
      leaving.abort()
      await client.query('rollback')
      client.release()
      await Promise.all(calls)
      return courseOf(before, after)
    },
  },
  'a Redis that is killed': {
    alerts: { HoldfastRateLimitStoreAway: 5 },
    provoke: async ({ start }) => {
      const redis = await startRedis()
      const server = await start({ REDIS_URL: redis.url, CREATE_ORDER_RATE_LIMIT: '1000' })
      const before = await inGoodOrder(server)
      expect(sumOf(before, 'holdfast_rate_limit_store_up')).toBe(1)
      await redis.end()
      const after = await until(server, (shown) => sumOf(shown, 'holdfast_rate_limit_store_up') === 0)
      return courseOf(before, after)
    },
  },
  'an event loop that is held up': {
    alerts: { HoldfastEventLoopLag: 10 },
    provoke: async ({ start }) => {
      const server = await start()
      const before = await inGoodOrder(server)
      for (let round = 0; round < 10; round++) {
        process.kill(server.pid, 'SIGSTOP')
        await sleep(400)
        process.kill(server.pid, 'SIGCONT')
        await sleep(20)
      }
      return courseOf(before, await scrape(server.url))
    },
  },
}

describe.skipIf(isSkipped)('alerts (need promtool and redis-server on the PATH)', () => {
  test('are rules that Prometheus takes', async () => {
    if (!hasPromtool()) throw new Error('There is no promtool: apt-get install prometheus')
    await assertRules()
  })

  test.concurrent.for(Object.entries(TRIALS))(
    '%s',
    { timeout: 150_000 },
    async ([_fault, { alerts, provoke, faultMinutes = FAULT_MIN }], { site }) => {
      const course = await provoke(site)
      const expected = Object.entries(alerts).map(([alert, minutes]) => {
        const [minutesMin, minutesMax] = typeof minutes === 'number' ? [minutes, minutes + SOON_MIN] : minutes
        return { alert, minutesMin, minutesMax }
      })
      await assertAlerts(course, expected, faultMinutes)
    },
  )

  test('are each made to fire by one of these faults', async () => {
    const alerts = (await readAlerts()).map(({ alert }) => alert)
    expect([...new Set(Object.values(TRIALS).flatMap(({ alerts }) => Object.keys(alerts)))].sort()).toEqual(
      alerts.sort(),
    )
  })
})
