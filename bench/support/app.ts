import { type App, createApp } from '../../src/create-app.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'

const SUPPLIER_POLICY = {
  recheckDelayMs: 0,
  recheckLimit: 2,
  recheckFactor: 1,
  attemptsMax: 3,
  retryBaseMs: 1,
}

/** Holdfast's use-cases in this process, without a server or a log. Disposing of it closes it. */
export async function openApp(databaseUrl: string): Promise<AsyncDisposable & { app: App }> {
  const logger = createLogger('silent')
  const { app, close } = await createApp({
    databaseUrl,
    logger,
    supplierPolicy: SUPPLIER_POLICY,
    webhooks: { secretKeys: [], mayBePrivate: true },
  })
  return { app, [Symbol.asyncDispose]: close }
}
