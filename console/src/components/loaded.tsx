import type { ComponentChildren } from 'preact'
import { explain } from '../api/explain.ts'
import type { Read } from '../api/use-read.ts'
import { ErrorState, Skeleton } from './states.tsx'

type LoadedProps<Data> = { read: Read<Data>; children: (data: Data) => ComponentChildren }

/** What was read, or why there is nothing to show yet. While the connection is lost what was there stays. */
export function Loaded<Data>({ read: { data, error, refresh }, children }: LoadedProps<Data>) {
  if (data !== undefined) return <>{children(data)}</>
  if (error) return <ErrorState text={explain(error)} retry={refresh} />
  return <Skeleton />
}
