import { setTimeout as sleep } from 'node:timers/promises'

/** Resolves after a time, or once the signal is given. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {})
}
