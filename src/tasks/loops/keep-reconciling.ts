import { INVARIANTS } from '../../sql/upkeep/find-breaches.ts'
import type { UpkeepContext } from '../../use-cases/context.ts'
import { checkNextInvariant } from '../../use-cases/upkeep/check-invariants.ts'
import { pause } from './pause.ts'

/**
 * Checks one invariant after the other, each once in `intervalMs`, until the signal. Runs apart from the heartbeat: a check of a
 * large table takes longer than the silence after which a worker counts as dead.
 */
export async function keepReconciling(
  context: UpkeepContext,
  intervalMs: number,
  signal: AbortSignal,
): Promise<void> {
  // spreads a round over the interval, and looks twice as often as checks are due, so that none is very late
  const lookIntervalMs = intervalMs / (2 * INVARIANTS.length)
  while (!signal.aborted) {
    await pause(lookIntervalMs, signal)
    try {
      if (!signal.aborted) await checkNextInvariant(context, intervalMs, signal)
    } catch (error) {
      if (!signal.aborted) context.logger.error({ err: error }, 'invariant check failed')
    }
  }
}
