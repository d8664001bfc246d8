import { stringifyDocument } from '@urql/core'
import type { TadaDocumentNode } from 'gql.tada'
import { useEffect, useRef } from 'preact/hooks'
import { streams } from './client.ts'
import { isConnected, noteLost, reconnections } from './connection.ts'
import { refusal } from './session.ts'

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

/**
 * Follows a subscription while the component is there, and takes it up again where it was when the connection is lost.
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
): void {
  const latest = useRef(stream)
  latest.current = stream
  const times = reconnections.value
  useEffect(() => {
    // once the connection is back this runs again
    if (key === null || !isConnected.peek()) return
    const variables = latest.current.variables() as Record<string, unknown>
    const leave = streams.subscribe<Data>(
      { query: stringifyDocument(document), variables },
      {
        next: ({ data }) => {
          if (data) latest.current.onData(data)
        },
        // a token that has expired is no lost connection
        error: () => {
          if (refusal.peek() === null) noteLost()
        },
        complete: () => {},
      },
      { connected: () => latest.current.onConnected?.() },
    )
    return leave
  }, [document, key, times])
}
