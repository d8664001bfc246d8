import type { Logger } from 'pino'

const REFUSAL_LOG_INTERVAL_MS = 1_000

/** Logs one line a second with the number of shed calls: a line for each call would cost more than its refusal. */
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
