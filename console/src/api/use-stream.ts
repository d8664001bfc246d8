import { CombinedError, stringifyDocument } from '@urql/core'
import type { TadaDocumentNode } from 'gql.tada'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { RETRY_DELAY_MAX_MS, retryDelayMs } from './backoff.ts'
import { streams } from './client.ts'
import { isConnected, reconnections } from './connection.ts'
import { explain } from './explain.ts'

type Stream<Data, Variables> = {
  /**
   * Returns the variables that begin behind what was seen: `afterVersion` of an order, `after` of stock. It is asked before each
   * connection.
   */
  variables: () => Variables
  /** Takes what the server tells. */
  onData: (data: Data) => void
  /** Hears that the server tells from now on: without a cursor, what changed between a read and this is told by neither. */
  onConnected?: () => void
}

/** Whether a page hears of changes. */
export type Live = {
  /** Why the server refuses the stream, in words; null where it does not. */
  refusal: string | null
  /** Asks for the stream once more. */
  retry: () => void
}

/**
 * Follows a subscription while the component is there, and takes it up again where it was when the connection is lost. One that
 * the server refuses is not asked for again by itself: the answer would be the same.
 *
 * A stream tells that something changed; what a page shows it reads by queries. So a page is drawn in one way, and a stream that
 * tells of much costs no more than one that tells of little.
 *
 * @param key what is followed: with another key it begins anew, with null there is nothing to follow
 */
export function useStream<Data, Variables extends object>(
  document: TadaDocumentNode<Data, Variables>,
  key: string | null,
  stream: Stream<Data, Variables>,
): Live {
  const latest = useRef(stream)
  latest.current = stream
  // kept across reconnections: where only streams break off, each heartbeat that succeeds would reset it
  const failures = useRef(0)
  const [refusal, setRefusal] = useState<string | null>(null)
  const [tries, setTries] = useState(0)
  const times = reconnections.value
  useEffect(() => {
    setRefusal(null)
    if (key === null) return
    let timer: ReturnType<typeof setTimeout> | undefined
    let begunAtMs: number | undefined
    let isLeft = false
    let leave = () => {}
    const schedule = () => {
      timer = setTimeout(begin, retryDelayMs(failures.current))
    }
    const begin = () => {
      // once the connection is back this effect runs again
      if (!isConnected.peek()) return
      begunAtMs = Date.now()
      const variables = latest.current.variables() as Record<string, unknown>
      leave = streams.subscribe<Data>(
        { query: stringifyDocument(document), variables },
        {
          next: ({ data, errors }) => {
            if (data) latest.current.onData(data)
            if (errors) setRefusal(explain(new CombinedError({ graphQLErrors: [...errors] })))
          },
          error: async (error) => {
            const reason = await readRefusal(error)
            if (isLeft) return
            if (reason !== null) return setRefusal(reason)
            // a proxy may cut the stream alone: the next try shows whether the server is away
            failures.current = lasted(begunAtMs) ? 1 : failures.current + 1
            begunAtMs = undefined
            schedule()
          },
          complete: () => {},
        },
        { connected: () => latest.current.onConnected?.() },
      )
    }
    if (failures.current > 0) schedule()
    else begin()
    return () => {
      isLeft = true
      clearTimeout(timer)
      leave()
      if (lasted(begunAtMs)) failures.current = 0
    }
  }, [document, key, times, tries])
  const retry = useCallback(() => {
    failures.current = 0
    setTries((tries) => tries + 1)
  }, [])
  return { refusal, retry }
}

/** Whether a stream lasted so long that what failed before it says nothing of the next. */
function lasted(begunAtMs: number | undefined): boolean {
  return begunAtMs !== undefined && Date.now() - begunAtMs > RETRY_DELAY_MAX_MS
}

/** Reads why the server does not want to send a stream; null where it was lost, or the server is away or at fault. */
async function readRefusal(error: unknown): Promise<string | null> {
  const { response } = error as { response?: Response }
  if (!response || response.status < 400 || response.status >= 500) return null
  const body = (await response.json().catch(() => ({}))) as { errors?: { message: string }[] }
  if (!body.errors?.length) return `The server answered with status ${response.status}`
  return explain(new CombinedError({ graphQLErrors: body.errors }))
}
