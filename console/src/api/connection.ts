import { signal } from '@preact/signals'

/** Longer than any query may take; a connection that breaks without a word is noticed by it. */
const TIMEOUT_MS = 12_000

/** Whether the server answers. */
export const isConnected = signal(true)

/** How often the connection came back: what was read before may be old, and streams begin again. */
export const reconnections = signal(0)

/**
 * Makes a call, and notes whether the server can be reached.
 *
 * @param init without a signal the call is given up after 12 s
 * @throws what `fetch` throws where it cannot
 */
export async function callNoted(url: RequestInfo | URL, init: RequestInit): Promise<Response> {
  const { signal = AbortSignal.timeout(TIMEOUT_MS) } = init
  try {
    const response = await fetch(url, { ...init, signal })
    // of a proxy whose server is away, or of a server without its database
    if ([502, 503, 504].includes(response.status)) noteLost()
    else noteConnected()
    return response
  } catch (error) {
    // a page that was left has its calls aborted
    if (!init.signal?.aborted) noteLost()
    throw error
  }
}

/** Notes that the server does not answer. The heartbeat tries until it answers again. */
function noteLost(): void {
  isConnected.value = false
}

function noteConnected(): void {
  if (isConnected.value) return
  isConnected.value = true
  reconnections.value++
}
