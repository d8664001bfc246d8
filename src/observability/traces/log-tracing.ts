import type { DiagLogger } from '@opentelemetry/api'
import type { Logger } from 'pino'

const TRACING_LOG_INTERVAL_MS = 60_000

/**
 * What OpenTelemetry has to complain of. While a collector is away it does so for every batch of spans: the first is
 * logged at once, and then one a minute, with how many there were since the line before.
 */
export function logTracing(logger: Logger): DiagLogger {
  const ignore = () => {}
  return {
    error: onceInAWhile((detail, times) => logger.error({ detail, times }, 'traces')),
    warn: onceInAWhile((detail, times) => logger.warn({ detail, times }, 'traces')),
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
