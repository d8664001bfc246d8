import { useEffect } from 'preact/hooks'
import { retryDelayMs } from './backoff.ts'
import { queries } from './client.ts'
import { isConnected } from './connection.ts'
import { graphql } from './graphql.ts'

/** A page that reads nothing shows a lost connection after so long. */
const BEAT_INTERVAL_MS = 5_000

const BeatDocument = graphql(`
  query Beat {
    __typename
  }
`)

/** Asks the server for nothing again and again: this shows whether the connection is there, on every page. */
export function useHeartbeat(): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>
    let failures = 0
    const schedule = () => {
      clearTimeout(timer)
      timer = setTimeout(beat, isConnected.value ? BEAT_INTERVAL_MS : retryDelayMs(failures))
    }
    const beat = async () => {
      await queries.query(BeatDocument, {}, { requestPolicy: 'network-only' })
      failures = isConnected.value ? 0 : failures + 1
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
