import type { ComponentChildren } from 'preact'
import { useEffect } from 'preact/hooks'
import { explain } from '../api/explain.ts'
import type { Read } from '../api/use-read.ts'
import { ErrorState, Skeleton } from './states.tsx'

type LoadedProps<Data> = { read: Read<Data>; children: (data: Data) => ComponentChildren }

/** What was read, or why there is nothing to show yet. While the connection is lost what was there stays. */
export function Loaded<Data>({ read: { data, error, refresh }, children }: LoadedProps<Data>) {
  const isThere = data !== undefined
  // what the address names after `#` was not there when the browser looked for it
  useEffect(() => {
    const id = location.hash.slice(1)
    if (isThere && id !== '') document.getElementById(id)?.scrollIntoView({ block: 'center' })
  }, [isThere])
  if (data !== undefined) return <>{children(data)}</>
  if (error) return <ErrorState text={explain(error)} retry={refresh} />
  return <Skeleton />
}
