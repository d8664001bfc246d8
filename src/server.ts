import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Config, readConfigOrExit } from './config/read-config.ts'
import { createApp } from './create-app.ts'
import { migrate } from './database/migrate.ts'
import { isRefusal, isUnavailable } from './database/unavailable.ts'
import { waitForDatabase } from './database/wait-for-database.ts'
import { seedDemoCatalogue } from './demo/seed-demo-catalogue.ts'
import { startEmbeddedPostgres } from './embedded-postgres/embedded-postgres.ts'
import { createAuthenticate } from './http/access/create-authenticate.ts'
import { createHttpServer } from './http/http-server.ts'
import { serveWhileWaiting } from './http/waiting-server.ts'
import { DRAIN_TIMEOUT_MS, LEAVE_TIMEOUT_MS, START_RETRY_DELAY_MS, START_TIMEOUT_MS } from './limits.ts'
import { createLogger } from './observability/logs/logger.ts'
import { outliveOutput, untilNpmEnded } from './observability/logs/output.ts'
import { redact } from './observability/logs/redact.ts'
import { measureSupplier } from './observability/metrics/measure-supplier.ts'
import { measureProcess } from './observability/metrics/metrics.ts'
import { logSupplierCalls, observeSupplier } from './observability/observe-supplier.ts'
import type { Tracing } from './observability/traces/trace-hooks.ts'
import { createOrderLimiter } from './rate-limit/order-limiter.ts'
import { announce } from './start/announce.ts'
import { assertPortFree, explainListen } from './start/assert-port-free.ts'
import { StartError } from './start/start-error.ts'
import { withCircuitBreaker } from './supplier/circuit-breaker.ts'
import { createSupplierClient, loadHttpClient } from './supplier/client.ts'
import type { Supplier } from './supplier/contract.ts'
import { Worker } from './tasks/worker.ts'
import { sealSecrets } from './use-cases/webhooks/seal-secrets.ts'
import { createWebhookClient, type WebhookClient } from './webhooks/webhook-client.ts'

/** Log and traces. */
type Telemetry = { logger: Logger; tracing: Tracing | undefined }

/** Long enough for `npm start | head` to close the pipe. */
const READER_LEAVES_MS = 1_000

/** Stops what one step of the start began. */
type Undo = () => Promise<unknown>

/**
 * Starts what the configuration asks for: database, migrations, HTTP, supplier, worker.
 *
 * @param undos gets what stops each step that was taken, also when a later one fails
 */
async function start(config: Config, { logger, tracing }: Telemetry, undos: Undo[]): Promise<string> {
  await assertPortFree(config)
  const databaseUrl = config.databaseUrl ?? (await startDatabase(config, logger, undos))
  const applied = await migrate(databaseUrl, (line) => logger.warn(line))
  if (applied.length > 0) logger.info({ applied }, 'database migrated')

  const { orderRateLimit: ordersPerSecond, redisUrl, supplierPolicy, allocationStrategy } = config
  const orderLimiter =
    config.runsApi && ordersPerSecond !== undefined
      ? createOrderLimiter({ ordersPerSecond, redisUrl, logger })
      : undefined
  undos.push(async () => orderLimiter?.close())
  const { app, close } = await createApp({
    databaseUrl,
    logger,
    supplierPolicy,
    allocationStrategy,
    webhooks: config.webhooks,
    takesCalls: config.runsApi,
    orderLimiter,
    tracing,
  })
  undos.push(close)
  await sealSecrets(app)
  // once in a process
  measureProcess(app.metrics)
  if (!config.databaseUrl) await seedDemoCatalogue(app)

  let worker: Worker | undefined
  let supplier: Supplier | undefined
  let webhookClient: WebhookClient | undefined
  const http = await createHttpServer(app, {
    servesApis: config.runsApi,
    authenticate: config.auth && createAuthenticate(config.auth, logger),
    simulatesSupplier: config.supplierUrl === 'simulated',
    leaveTimeoutMs: LEAVE_TIMEOUT_MS,
    persistedDocuments: config.persistedDocuments,
    corsOrigins: config.corsOrigins,
    explorer: config.explorer,
    servesConsole: config.servesConsole,
    readinessChecks: {
      ...(config.runsApi && { subscriptions: () => app.feed.isListening() }),
      ...(config.runsWorker && { worker: () => worker?.isAlive() ?? false }),
    },
  })
  // both at once: slow HTTP clients must not use up the time of the worker's jobs
  undos.push(() =>
    Promise.all([http.close(), worker?.stop()]).then(() =>
      Promise.all([supplier?.close(), webhookClient?.close()]),
    ),
  )
  const url = await http.listen({ host: config.host, port: config.port }).catch((error) => {
    throw explainListen(error, config)
  })

  if (config.runsWorker) {
    // after `listen`: the simulated supplier is this server
    const isSimulated = config.supplierUrl === 'simulated'
    // [::] means every address, so one cannot call it
    const ownUrl = url.replace('[::]', '[::1]')
    await loadHttpClient(`${ownUrl}/health/live`)
    const client = createSupplierClient({
      baseUrl: isSimulated ? ownUrl : config.supplierUrl,
      mayBePrivate: isSimulated || config.supplierMayBePrivate,
      timeoutMs: config.supplierTimeoutMs,
      connectionLimit: config.workerConcurrency,
    })
    const guarded = withCircuitBreaker(client)
    const log = logSupplierCalls(logger)
    const measure = measureSupplier(app.metrics, guarded)
    const observed = observeSupplier(guarded, (call) => {
      log(call)
      measure(call)
    })
    supplier = tracing ? tracing.supplier(observed) : observed
    webhookClient = createWebhookClient(config.webhooks)
    worker = new Worker(app, {
      databaseUrl,
      supplier,
      webhookClient,
      circuit: guarded.circuit,
      concurrency: config.workerConcurrency,
      hasHeadStart: config.runsApi,
      reconcileIntervalMs: config.reconcileIntervalMs,
    })
    await worker.start()
  }
  return url
}

/**
 * Starts, and starts anew each time that it finds the database at DATABASE_URL away, once that is back.
 */
async function startWithDatabase(
  config: Config,
  telemetry: Telemetry,
  undos: Undo[],
  signal: AbortSignal,
): Promise<string> {
  const { logger } = telemetry
  for (;;) {
    try {
      return await start(config, telemetry, undos)
    } catch (error) {
      const { databaseUrl, host, port } = config
      // waiting helps neither an embedded database that did not start, nor one that refuses us from the first
      if (!databaseUrl || signal.aborted || !isUnavailable(error) || isRefusal(error)) throw error
      await stop(undos.splice(0), logger)
      const endWaiting = await serveWhileWaiting({ host, port }, config)
      // a pause, because the database may accept connections and still fail
      await sleep(START_RETRY_DELAY_MS, undefined, { signal }).catch(() => {})
      await waitForDatabase(databaseUrl, { logger, signal }).finally(endWaiting)
    }
  }
}

async function startDatabase(config: Config, logger: Logger, undos: Undo[]): Promise<string> {
  const database = await startEmbeddedPostgres({
    dataDir: config.dataDir,
    restarts: true,
    log: (line) => logger.debug(line),
    warn: (line) => logger.warn(line),
  })
  undos.push(() => database.stop())
  return database.url
}

/** Stops what was started, last first. Does not wait beyond `drained`: other workers take over unfinished jobs. */
async function stop(
  undos: readonly Undo[],
  logger: Logger,
  drained: Promise<unknown> = sleep(DRAIN_TIMEOUT_MS),
): Promise<void> {
  for (const undo of undos.toReversed()) {
    await Promise.race([undo(), drained]).catch((error) => {
      logger.error({ err: error }, 'stop step failed, continuing')
    })
  }
}

async function main(): Promise<void> {
  const closed = Promise.withResolvers<string>()
  const onClosed = () => closed.resolve('standard output closed')
  outliveOutput(onClosed)
  const config = readConfigOrExit()
  const logger = createLogger(config.logLevel, { ...config, onClosed })
  // loaded only where traces are asked for: without them nothing of it is in the process
  const traces =
    config.traces &&
    (await import('./observability/traces/start-tracing.ts')).startTracing({
      logger,
      sampling: config.traces,
    })
  const telemetry = { logger, tracing: traces?.tracing }
  const undos: Undo[] = []
  const stopping = new AbortController()
  const signal = new Promise<string>((resolve) => {
    // SIGHUP: the terminal was closed. A second signal while it stops changes nothing
    for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT']) process.on(name, () => resolve(name))
    // `npm start | head` ends when head ends
    void closed.promise.then(resolve)
    void untilNpmEnded().then(() => resolve('npm ended'))
  })
  void signal.then(() => stopping.abort())
  const starting = startWithDatabase(config, telemetry, undos, stopping.signal).then((url) => {
    announce(url, config)
    // a closed pipe is noticed by the next line
    setTimeout(() => logger.info({ url }, 'ready'), READER_LEAVES_MS).unref()
  })
  try {
    await Promise.race([starting, signal])
  } catch (error) {
    if (!(error instanceof StartError)) logger.fatal({ err: error }, 'cannot start')
    await stop(undos, logger)
    // last, and at any log level: the line to read
    process.stderr.write(`Holdfast cannot start: ${redact((error as Error).message)}\n`)
    process.exit(1)
  }
  logger.info({ signal: await signal }, 'stopping')
  const drained = sleep(DRAIN_TIMEOUT_MS)
  // waits for a start that is nearly done, but not for one that hangs
  await Promise.race([starting, sleep(START_TIMEOUT_MS)]).catch(() => {})
  await stop(undos, logger, drained)
  await traces?.stop()
  logger.info('stopped')
  process.exit(0)
}

await main()
