import { useEffect } from 'preact/hooks'
import { queries } from './client.ts'
import { isConnected } from './connection.ts'
import { graphql } from './graphql.ts'

/** A page that reads nothing shows a lost connection after so long. */
const BEAT_INTERVAL_MS = 5_000
const RETRY_DELAY_MIN_MS = 500
/** A server that restarts is back within it. */
const RETRY_DELAY_MAX_MS = 10_000

const BeatDocument = graphql(`
  query Beat {
    __typename
  }
`)

/**
 * Asks the server for nothing again and again: this shows whether the connection is there, on every page. While it is lost the
 * delay doubles with each try, and differs between browsers, so that they do not all come back at once.
 */
export function useHeartbeat(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    let retryDelayMs = RETRY_DELAY_MIN_MS
    const schedule = () => {
      clearTimeout(timer)
      timer = setTimeout(beat, isConnected.value ? BEAT_INTERVAL_MS : retryDelayMs * (0.5 + Math.random()))
    }
    const beat = async () => {
      await queries.query(BeatDocument, {}, { requestPolicy: 'network-only' })
      retryDelayMs = isConnected.value ? RETRY_DELAY_MIN_MS : Math.min(retryDelayMs * 2, RETRY_DELAY_MAX_MS)
      schedule()
    }
    // at once where another call finds it lost
    const unsubscribe = isConnected.subscribe(schedule)
    return () => {
      unsubscribe()
      clearTimeout(timer)
    }
  }, [])
}
