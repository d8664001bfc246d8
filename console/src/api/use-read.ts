import type { CombinedError } from '@urql/core'
import { useQuery } from '@urql/preact'
import type { TadaDocumentNode } from 'gql.tada'
import { useCallback, useEffect, useRef } from 'preact/hooks'
import { reconnections } from './connection.ts'

export type Read<Data> = {
  /** What was read last by these variables, also while it is read again or cannot be. */
  data: Data | undefined
  error: CombinedError | undefined
  /** Whether there is nothing to show yet. */
  isLoading: boolean
  /** Reads again. */
  refresh: () => void
}

/**
 * Reads by a query: at once, after a mutation that may have changed it, and when a lost connection is back.
 *
 * @param pollMs how often it reads again while the page is visible; undefined for never
 */
export function useRead<Data, Variables extends object>(
  query: TadaDocumentNode<Data, Variables>,
  variables: Variables,
  pollMs?: number,
): Read<Data> {
  const [result, execute] = useQuery<Data, Variables>({ query, variables })
  const refresh = useCallback(() => execute({ requestPolicy: 'network-only' }), [execute])

  const key = JSON.stringify(variables)
  const last = useRef<{ key: string; data: Data }>(undefined)
  // urql shows the answer to the variables before until there is one to these, and none once a call fails
  const isOfThese = JSON.stringify(result.operation?.variables) === key
  if (result.data && isOfThese) last.current = { key, data: result.data }
  const data = last.current?.key === key ? last.current.data : undefined
  const error = isOfThese ? result.error : undefined

  const times = reconnections.value
  const timesSeen = useRef(times)
  useEffect(() => {
    if (times !== timesSeen.current) refresh()
    timesSeen.current = times
  }, [times, refresh])
  useEffect(() => {
    if (pollMs === undefined) return
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') refresh()
    }, pollMs)
    return () => clearInterval(timer)
  }, [pollMs, refresh])
  return { data, error, isLoading: data === undefined && error === undefined, refresh }
}
