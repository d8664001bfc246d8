import type { Logger } from 'pino'

const REFUSAL_LOG_INTERVAL_MS = 1_000

/** One line a second for all calls that were refused in it: a line for each would be the larger part of an overload. */
export function logRefusals(logger: Logger): () => void {
  let refused = 0
  const log = () => {
    logger.warn({ refused }, 'overloaded, calls shed')
    refused = 0
  }
  return () => {
    if (refused++ === 0) setTimeout(log, REFUSAL_LOG_INTERVAL_MS).unref()
  }
}
