import type { WriteContext } from '../../use-cases/context.ts'
import type { PassedOver } from '../../use-cases/in-halves.ts'
import { expireHolds, findNextExpiry } from '../../use-cases/orders/expire-holds.ts'
import { pause } from './pause.ts'

/** A hold that is made between two looks is released so late at most. */
const EXPIRY_LOOK_INTERVAL_MS = 500

/**
 * Ends holds as they expire, until the signal. After an outage, when many have expired, it works half of the time: orders get
 * their share.
 */
export async function keepExpiring(context: WriteContext, signal: AbortSignal): Promise<void> {
  const passedOver: PassedOver = new Map()
  while (!signal.aborted) {
    let pauseMs = EXPIRY_LOOK_INTERVAL_MS
    try {
      const nextMs = await findNextExpiry(context)
      if (nextMs !== null && nextMs <= 0) {
        const startedAtMs = performance.now()
        const { mayBeMore } = await expireHolds(context, passedOver)
        if (mayBeMore) pauseMs = performance.now() - startedAtMs
      } else if (nextMs !== null) {
        // a millisecond more than less: what is not due yet would cost another look
        pauseMs = Math.min(Math.ceil(nextMs) + 1, EXPIRY_LOOK_INTERVAL_MS)
      }
    } catch (error) {
      if (!signal.aborted) context.logger.warn({ err: error }, 'holds not expired, retrying')
    }
    await pause(pauseMs, signal)
  }
}
