import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { SignJWT } from 'jose'
import { findFreePort } from '../test/support/free-port.ts'
import { createCalls } from './calls.ts'
import { checkCoverage } from './check-coverage.ts'
import { readLedger } from './check-streams.ts'
import { checkWaits, ORDERS_OF_JOB, SUPPLIER_SETTINGS, startWaitChecks } from './check-waits.ts'
import { type ChaosWebhook, checkWebhooks, UNTOLD } from './check-webhooks.ts'
import { checkAll } from './checks.ts'
import { COUNTED, LOCATIONS, SKUS, startClients, stockUp } from './clients.ts'
import { type ChaosDatabase, startDatabase } from './database.ts'
import { startFaults } from './faults.ts'
import { readVersions } from './final-orders.ts'
import { Findings } from './findings.ts'
import { Gaps } from './gaps.ts'
import { createHistory } from './history.ts'
import { HoldfastProcess } from './holdfast-process.ts'
import { type HostileReceiver, startHostileReceiver, WEBHOOKS, type WebhookName } from './hostile-receiver.ts'
import { startHostileSupplier } from './hostile-supplier.ts'
import { startImporter } from './importer.ts'
import { createRandom } from './random.ts'
import { printReport } from './report.ts'
import { createStatementTap } from './statement-tap.ts'
import { startStreamReaders } from './stream-readers.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'
import { UNSETTLED } from './unsettled.ts'
import { createWatchers } from './watchers.ts'

const PROCESSES = 2
const MINUTES_MAX = 240
const READY_LIMIT_MS = 30_000
/** In which every order has to be final once all harm has ended. */
const SETTLE_LIMIT_MS = 90_000
/** At the end no process is killed for a while: its death would cover what went wrong within it, such as a view that hangs. */
const SPARED_MAX_MS = 30_000
const LAST_VIEWS_LIMIT_MS = 15_000

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '1' },
    logs: { type: 'string' },
    only: { type: 'string' },
  },
})
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9))
const minutes = Number(values.minutes)
if (!Number.isInteger(seed) || !(minutes > 0 && minutes <= MINUTES_MAX)) {
  process.stderr.write(
    `Usage: npm run chaos -- --seed <whole number> --minutes <up to ${MINUTES_MAX}> [--only <kinds of faults>] [--logs <folder>]\n`,
  )
  process.exit(2)
}

const interrupted = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort())
const findings = new Findings()
/** What ends each thing that was started, whatever became of the run. */
const undos: (() => Promise<unknown>)[] = []

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

async function eventually(check: () => Promise<boolean>, limitMs: number): Promise<boolean> {
  for (const deadline = performance.now() + limitMs; performance.now() < deadline; ) {
    if (await check().catch(() => false)) return true
    await sleep(250, undefined, { signal: interrupted.signal })
  }
  return false
}

async function run(): Promise<void> {
  const history = createHistory()
  const database = await startDatabase()
  undos.push(database.remove)
  const gaps = new Gaps(findings)
  const processes: HoldfastProcess[] = []
  const survives = (index: number, gap: string) => gaps.survives(processes[index]!, gap)
  const supplier = await startHostileSupplier(createRandom(seed, 'supplier'), findings, survives)
  undos.push(supplier.close)
  const receiver = await startHostileReceiver(createRandom(seed, 'receiver'), findings)
  undos.push(receiver.close)

  // as in production, and once for all: what a token may be is tested elsewhere
  const secret = randomBytes(32).toString('base64')
  const webhookKey = randomBytes(32).toString('base64')
  const token = new SignJWT({ role: 'operator' }).setSubject('chaos').setExpirationTime('7d')
  const signed = await token.setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
  const authorization = `Bearer ${signed}`

  let wasDatabaseAway = () => false
  let wasOutageSince = (_sinceMs: number) => false
  const proxies: TcpProxy[] = []
  for (let index = 0; index < PROCESSES; index++) {
    const proxy = await startTcpProxy(database.port, () => createStatementTap((gap) => survives(index, gap)))
    proxies.push(proxy)
    undos.push(proxy.close)
    const proxied = new URL(database.url)
    proxied.port = String(proxy.port)
    const env = {
      NODE_ENV: 'production',
      AUTH_JWT_SECRET: secret,
      CREATE_ORDER_RATE_LIMIT: 'off',
      ROLE: 'all',
      DATABASE_URL: proxied.href,
      SUPPLIER_URL: supplier.urlFor(index),
      SUPPLIER_PRIVATE_ADDRESSES: 'allow',
      SUPPLIER_RECHECK_DELAY_MS: String(SUPPLIER_SETTINGS.recheckDelayMs),
      SUPPLIER_RETRY_BASE_MS: String(SUPPLIER_SETTINGS.retryBaseMs),
      SUPPLIER_TIMEOUT_MS: String(SUPPLIER_SETTINGS.timeoutMs),
      SUPPLIER_MAX_ATTEMPTS: String(SUPPLIER_SETTINGS.attemptsMax),
      WEBHOOK_PRIVATE_ADDRESSES: 'allow',
      WEBHOOK_SECRET_KEY: webhookKey,
      LOG_LEVEL: 'warn',
    }
    const one = new HoldfastProcess({
      name: `process ${index + 1}`,
      port: await findFreePort(),
      env,
      findings,
      wasDatabaseAway: () => wasDatabaseAway(),
      wasOutageSince: (sinceMs) => wasOutageSince(sinceMs),
      logDir: values.logs,
    })
    processes.push(one)
    one.start()
    undos.push(() => one.end())
    process.on('exit', () => one.endNow())
  }
  const areReady = async () => (await Promise.all(processes.map((one) => one.isReady()))).every(Boolean)
  if (!(await eventually(areReady, READY_LIMIT_MS))) throw new Error('Holdfast does not start')

  const calls = createCalls(findings, authorization)
  const urls = processes.map(({ url }) => url)
  const readers = await startStreamReaders({ urls, findings, history, seed, authorization })
  undos.push(readers.stop)
  await stockUp(calls, urls[0]!, history)
  await readers.untilBegun(READY_LIMIT_MS)
  const webhooks = await createWebhooks(urls[0]!, authorization, receiver, database)
  gaps.learn()
  const watchers = createWatchers({ urls, findings, history, seed, authorization })
  const clients = startClients({ urls, calls, findings, history, seed, onOrder: watchers.offer })
  undos.push(clients.stop)
  const files = { skus: SKUS, counted: COUNTED, locations: LOCATIONS }
  const importer = startImporter({ urls, findings, history, seed, authorization, ...files })
  undos.push(importer.stop)
  const faults = startFaults(
    { processes, database, proxies, gaps },
    seed,
    findings,
    values.only === undefined ? undefined : new RegExp(values.only),
  )
  undos.push(faults.stop)
  wasDatabaseAway = faults.wasDatabaseAway
  wasOutageSince = faults.wasOutageSince

  const waitChecks = startWaitChecks(database, findings)
  undos.push(waitChecks.stop)
  say(`Chaos with seed ${seed} for ${minutes} min`)
  const sparedMs = Math.min(SPARED_MAX_MS, minutes * 15_000)
  await sleep(minutes * 60_000 - sparedMs, undefined, { signal: interrupted.signal })
  faults.spareProcesses()
  await sleep(sparedMs, undefined, { signal: interrupted.signal })

  say('Letting everything settle')
  await faults.stop()
  await waitChecks.stop()
  supplier.behave()
  receiver.behave()
  await Promise.all([clients.stop(), importer.stop()])
  const settlingSince = performance.now()
  if (!(await eventually(areReady, READY_LIMIT_MS))) {
    findings.violate('everything is ready again', 'readiness', `not within ${READY_LIMIT_MS} ms`)
  }
  findings.count('ms until ready again', Math.round(performance.now() - settlingSince))
  await importer.settle(READY_LIMIT_MS)
  await clients.settle(READY_LIMIT_MS)
  await settleOrders(database)
  await settleWebhooks(database)
  findings.count('ms until all was final', Math.round(performance.now() - settlingSince))
  await watchers.settle(LAST_VIEWS_LIMIT_MS, await readVersions(database))
  await readers.settle(LAST_VIEWS_LIMIT_MS, await readLedger(database))
  const checkingSince = performance.now()
  await checkAll(database, history, supplier.records, findings)
  await checkWebhooks(database, webhooks, receiver.received, findings)
  checkCoverage(findings, minutes)
  findings.count('ms that the checks took', Math.round(performance.now() - checkingSince))
  findings.count('MB of memory at the end', Math.round(process.memoryUsage.rss() / 1e6))
  await Promise.all(processes.map((one) => one.stop()))
}

/** The same with the jobs that they wait for. */
const UNSETTLED_WITH_JOBS = `select needed.*, now(), jobs.attempts, jobs.run_at, jobs.locked_at, jobs.locked_by,
    left(jobs.last_error, 300) as last_error, jobs.payload, (
      select seen_at from workers where jobs.locked_by = workers.id or jobs.locked_by = any (workers.pool_ids)
    ) as holder_seen_at
  from (${UNSETTLED}) as needed
  left join (
    select jobs.*, ref ->> 'orderId' as order_id
    from graphile_worker._private_jobs as jobs cross join lateral json_array_elements(${ORDERS_OF_JOB}) as ref
  ) as jobs on jobs.order_id = needed.id`

async function settleOrders(database: ChaosDatabase): Promise<void> {
  const isSettled = async () =>
    (await database.query(`select from (${UNSETTLED}) as open limit 1`)).length === 0
  // what failed again and again under faults may be waiting for its next try
  const longestWaitMs = await checkWaits(database, findings)
  findings.count('ms of back-off at the end of all harm', Math.round(longestWaitMs))
  if (await eventually(isSettled, SETTLE_LIMIT_MS + longestWaitMs)) return
  for (const row of await database.query<{ id: string }>(UNSETTLED_WITH_JOBS)) {
    findings.violate('every order is final within its deadline', row.id, JSON.stringify(row))
  }
}

/** Creates the webhooks of the run, before the first event that they are told of. */
async function createWebhooks(
  url: string,
  authorization: string,
  receiver: HostileReceiver,
  database: ChaosDatabase,
): Promise<ChaosWebhook[]> {
  const names = Object.keys(WEBHOOKS) as WebhookName[]
  return Promise.all(
    names.map(async (name) => {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({
          query:
            'mutation ($input: CreateWebhookInput!) { createWebhook(input: $input) { webhook { id } secret } }',
          variables: { input: { url: receiver.urlFor(name), events: WEBHOOKS[name] } },
        }),
      })
      const { data } = (await response.json()) as {
        data: { createWebhook: { webhook: { id: string }; secret: string } }
      }
      const { webhook, secret } = data.createWebhook
      receiver.learn(name, secret)
      const [row] = await database.query<{ start: string }>(
        `select cursor::text as start from webhooks where id = '${webhook.id}'`,
      )
      return { name, id: webhook.id, start: BigInt(row!.start) }
    }),
  )
}

async function settleWebhooks(database: ChaosDatabase): Promise<void> {
  const isTold = async () => (await database.query(UNTOLD)).length === 0
  if (await eventually(isTold, SETTLE_LIMIT_MS)) return
  for (const { id } of await database.query<{ id: string }>(UNTOLD)) {
    findings.violate('every event is tried within its deadline', id, `not within ${SETTLE_LIMIT_MS} ms`)
  }
}

let failure: unknown
const broken = Promise.withResolvers<never>()
process.on('uncaughtException', broken.reject)
try {
  await Promise.race([run(), broken.promise])
} catch (error) {
  failure = error
}
for (const undo of undos.toReversed()) {
  await undo().catch((error) => process.stderr.write(`could not clean up: ${error}\n`))
}
if (interrupted.signal.aborted) {
  say('Interrupted')
  process.exit(130)
}
printReport(findings, { seed, minutes }, say)
if (failure) process.stderr.write(`The run broke off: ${(failure as Error).stack}\n`)
process.exit(failure || findings.violationCount > 0 ? 1 : 0)
