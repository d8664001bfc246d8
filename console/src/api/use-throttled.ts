import { useEffect, useRef } from 'preact/hooks'

/**
 * Returns a function that calls `run` at once, then at most once in `intervalMs`, and once more where it was called meanwhile.
 * The function stays the same.
 */
export function useThrottled(run: () => void, intervalMs: number): () => void {
  const latest = useRef(run)
  latest.current = run
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const isDue = useRef(false)
  const throttled = useRef(() => {
    if (timer.current !== undefined) {
      isDue.current = true
      return
    }
    latest.current()
    timer.current = setTimeout(() => {
      timer.current = undefined
      if (!isDue.current) return
      isDue.current = false
      throttled.current()
    }, intervalMs)
  })
  useEffect(() => () => clearTimeout(timer.current), [])
  return throttled.current
}
