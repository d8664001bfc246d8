import { setTimeout as sleep } from 'node:timers/promises'

/** Wakes one loop. What happens while it does not wait is remembered, and wakes it at once. */
export class WakeUp {
  #isSet = false
  #woken: (() => void) | undefined

  set(): void {
    this.#isSet = true
    this.#woken?.()
  }

  /** Resolves once it was set since the last wait, after the time at the latest, and at once when the signal aborts. */
  async wait(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const ended = new AbortController()
    const woken = new Promise<void>((resolve) => {
      this.#woken = resolve
    })
    const timeout = sleep(timeoutMs, undefined, { signal: AbortSignal.any([signal, ended.signal]) }).catch(
      () => {},
    )
    if (!this.#isSet) await Promise.race([woken, timeout])
    ended.abort()
    this.#woken = undefined
    this.#isSet = false
  }
}
