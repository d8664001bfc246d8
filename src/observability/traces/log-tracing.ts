import type { DiagLogger } from '@opentelemetry/api'
import type { Logger } from 'pino'

const TRACING_LOG_INTERVAL_MS = 60_000

/**
 * Logs errors and warnings of OpenTelemetry. While a collector is unreachable, every batch of spans causes one: the first is
 * logged at once, then one a minute with the number since the last line.
 */
export function logTracing(logger: Logger): DiagLogger {
  const ignore = () => {}
  return {
    error: onceInAWhile((detail, times) => logger.error({ detail, times }, 'tracing error')),
    warn: onceInAWhile((detail, times) => logger.warn({ detail, times }, 'tracing warning')),
    info: ignore,
    debug: ignore,
    verbose: ignore,
  }
}

function onceInAWhile(log: (latest: string, times: number) => void): (message: string) => void {
  let latest = ''
  let times = 0
  let isQuiet = false
  const flush = () => {
    isQuiet = times > 0
    if (!isQuiet) return
    log(latest, times)
    times = 0
    setTimeout(flush, TRACING_LOG_INTERVAL_MS).unref()
  }
  return (message) => {
    latest = message
    times++
    if (!isQuiet) flush()
  }
}
