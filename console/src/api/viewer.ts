import type { ResultOf } from 'gql.tada'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { graphql } from './graphql.ts'
import { type Action, isAllowed } from './may.ts'

export const ViewerDocument = graphql(`
  query Viewer {
    viewer {
      id
      role
    }
  }
`)

/** Who looks at the console: the caller that the token names. */
export type Viewer = ResultOf<typeof ViewerDocument>['viewer']

export const ViewerContext = createContext<Viewer | null>(null)

/** Returns who looks at the console. Only below the layout, which is drawn once that is known. */
export function useViewer(): Viewer {
  return useContext(ViewerContext)!
}

/** Returns what says whether the viewer may do something, or see it. */
export function useMay(): (action: Action) => boolean {
  const { role } = useViewer()
  return (action) => isAllowed(role, action)
}
