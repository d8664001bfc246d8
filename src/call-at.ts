/** What a timer of Node's can wait for: 24 days. A longer one fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1

/**
 * Calls back once a moment has come, however far off it is. The process does not wait for it. A timer costs 5 µs and
 * some 700 bytes, next to the 25 kB of a connection: each view of an order can have its own.
 *
 * @param moment null for never
 * @returns what calls it off
 */
export function callAt(moment: Date | null, callback: () => void): () => void {
  if (!moment) return () => {}
  let timer: NodeJS.Timeout
  const wait = (delayMs: number) => {
    timer = setTimeout(look, Math.min(Math.max(delayMs, 0), TIMER_MAX_MS)).unref()
  }
  const look = () => {
    const delayMs = moment.getTime() - Date.now()
    if (delayMs > 0) wait(delayMs)
    else callback()
  }
  wait(moment.getTime() - Date.now())
  return () => clearTimeout(timer)
}
