import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { findFreePort } from '../test/support/free-port.ts'
import { createCalls } from './calls.ts'
import { readLedger } from './check-streams.ts'
import { SUPPLIER_SETTINGS } from './check-waits.ts'
import { checkAll } from './checks.ts'
import { COUNTED, LOCATIONS, SKUS, startClients, stockUp } from './clients.ts'
import { readVersions } from './final-orders.ts'
import { Findings } from './findings.ts'
import { createHistory, type History } from './history.ts'
import { HoldfastProcess } from './holdfast-process.ts'
import { startHostileSupplier } from './hostile-supplier.ts'
import { startImporter } from './importer.ts'
import { createRandom } from './random.ts'
import { startReplicatedDatabase } from './replicated-database.ts'
import { startStreamReaders } from './stream-readers.ts'
import { UNSETTLED } from './unsettled.ts'
import { createWatchers } from './watchers.ts'

const PROCESSES = 2
/** Some 200 orders a second. */
const CLIENTS = 64
/** Orders that are acknowledged before the primary is lost, and again after: a slow machine takes longer for them. */
const ACKNOWLEDGED_MIN = 150
const READY_LIMIT_MS = 30_000
/** Until whoever watches the primary has noticed. */
const NOTICED_AFTER_MS = 1_500
/** In which every order has to be final once there is a primary again. */
const SETTLE_LIMIT_MS = 60_000
const LAST_VIEWS_LIMIT_MS = 10_000
/** In which a slow machine acknowledges the least of orders. */
const LOAD_LIMIT_MS = 60_000

export type FailoverOptions = {
  /** What becomes of the primary: all its processes are killed, or stop where they are and close nothing. */
  harm: 'SIGKILL' | 'SIGSTOP'
  /** Of load before the primary is lost, and as much after another was promoted: at least. */
  loadMs: number
  /** From the promotion to the first order that is taken. */
  acceptLimitMs: number
  seed: number
}

/**
 * A primary is lost under load, its synchronous standby promoted, and what clients were told is held against what that
 * one has. Nobody starts a process of Holdfast again.
 *
 * @param say hears what is done
 */
export async function runFailover(
  { harm, loadMs, acceptLimitMs, seed }: FailoverOptions,
  say: (text: string) => void,
): Promise<Findings> {
  const findings = new Findings()
  const history = createHistory()
  const undos: (() => Promise<unknown>)[] = []
  try {
    const database = await startReplicatedDatabase()
    undos.push(database.remove)
    const supplier = await startHostileSupplier(createRandom(seed, 'supplier'), findings, () => true)
    supplier.behave()
    undos.push(supplier.close)
    const processes: HoldfastProcess[] = []
    for (let index = 0; index < PROCESSES; index++) {
      const one = new HoldfastProcess({
        name: `process ${index + 1}`,
        port: await findFreePort(),
        env: {
          ROLE: 'all',
          DATABASE_URL: database.url,
          CREATE_ORDER_RATE_LIMIT: 'off',
          SUPPLIER_URL: supplier.urlFor(index),
          SUPPLIER_PRIVATE_ADDRESSES: 'allow',
          SUPPLIER_RECHECK_DELAY_MS: String(SUPPLIER_SETTINGS.recheckDelayMs),
          SUPPLIER_RETRY_BASE_MS: String(SUPPLIER_SETTINGS.retryBaseMs),
          SUPPLIER_TIMEOUT_MS: String(SUPPLIER_SETTINGS.timeoutMs),
          SUPPLIER_MAX_ATTEMPTS: String(SUPPLIER_SETTINGS.attemptsMax),
          LOG_LEVEL: 'warn',
        },
        findings,
        wasDatabaseAway: () => false,
        wasOutageSince: () => false,
        logDir: undefined,
      })
      processes.push(one)
      one.start()
      undos.push(() => one.end())
    }
    const untilReady = () =>
      until(async () => (await Promise.all(processes.map((one) => one.isReady()))).every(Boolean))
    await untilReady()

    const calls = createCalls(findings, '')
    const urls = processes.map(({ url }) => url)
    const readers = await startStreamReaders({ urls, findings, history, seed, authorization: '' })
    undos.push(readers.stop)
    await stockUp(calls, urls[0]!, history)
    await readers.untilBegun(READY_LIMIT_MS)
    const watchers = createWatchers({ urls, findings, history, seed, authorization: '' })
    let takenAtMs = Number.POSITIVE_INFINITY
    let promotedAtMs = Number.POSITIVE_INFINITY
    const onOrder = (orderId: string) => {
      if (performance.now() > promotedAtMs) takenAtMs = Math.min(takenAtMs, performance.now())
      watchers.offer(orderId)
    }
    const clients = startClients({ urls, calls, findings, history, seed, onOrder, count: CLIENTS })
    undos.push(clients.stop)
    const files = { skus: SKUS, counted: COUNTED, locations: LOCATIONS }
    const importer = startImporter({ urls, findings, history, seed, authorization: '', ...files })
    undos.push(importer.stop)

    const untilLoaded = async () => {
      const before = acknowledged(history)
      await sleep(loadMs)
      await until(async () => acknowledged(history) - before >= ACKNOWLEDGED_MIN, LOAD_LIMIT_MS)
    }
    await untilLoaded()
    say(`${harm} of the primary, with ${acknowledged(history)} orders acknowledged`)
    await database.harmPrimary(harm)
    await sleep(NOTICED_AFTER_MS)
    await database.promote()
    promotedAtMs = performance.now()
    say(`the standby is promoted, with ${acknowledged(history)} orders acknowledged`)
    await untilLoaded()
    await Promise.all([clients.stop(), importer.stop()])
    say(`orders are taken ${Math.round(takenAtMs - promotedAtMs)} ms later`)
    if (takenAtMs - promotedAtMs > acceptLimitMs) {
      findings.violate(
        'orders are taken after a promotion',
        'the first',
        `${takenAtMs - promotedAtMs} ms after it`,
      )
    }

    await untilReady()
    await importer.settle(READY_LIMIT_MS)
    await clients.settle(READY_LIMIT_MS)
    const isSettled = async () =>
      (await database.query(`select from (${UNSETTLED}) as open limit 1`)).length === 0
    await until(isSettled, SETTLE_LIMIT_MS).catch(() => {
      findings.violate('every order is final', 'some', `not within ${SETTLE_LIMIT_MS} ms`)
    })
    await watchers.settle(LAST_VIEWS_LIMIT_MS, await readVersions(database))
    await readers.settle(LAST_VIEWS_LIMIT_MS, await readLedger(database))
    await checkAll(database, history, supplier.records, findings)
    say(`${acknowledged(history)} orders were acknowledged, ${findings.counts.get('orders')} are there`)
    await Promise.all(processes.map((one) => one.stop()))
  } finally {
    for (const undo of undos.toReversed()) await undo().catch(() => {})
  }
  return findings
}

function acknowledged({ intents }: History): number {
  return intents.reduce((count, { ids }) => count + ids.length, 0)
}

async function until(check: () => Promise<boolean>, limitMs = READY_LIMIT_MS): Promise<void> {
  for (const deadline = performance.now() + limitMs; !(await check().catch(() => false)); await sleep(100)) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms`)
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { seconds: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
  })
  let violations = 0
  for (const harm of ['SIGKILL', 'SIGSTOP'] as const) {
    const options = {
      harm,
      loadMs: Number(values.seconds) * 1_000,
      acceptLimitMs: 2_000,
      seed: Number(values.seed),
    }
    const findings = await runFailover(options, (text) => process.stdout.write(`${text}\n`))
    for (const [what, count] of findings.counts)
      process.stdout.write(`  ${String(count).padStart(8)}  ${what}\n`)
    process.stdout.write(`Violations: ${findings.violationCount}\n`)
    for (const violation of findings.violations()) process.stdout.write(`  ${JSON.stringify(violation)}\n`)
    violations += findings.violationCount
  }
  process.exit(violations > 0 ? 1 : 0)
}

if (import.meta.main) await main()
