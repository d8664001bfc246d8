import type { ResultOf } from 'gql.tada'
import { createContext } from 'preact'
import { useContext } from 'preact/hooks'
import { graphql } from './graphql.ts'

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

export type Role = Viewer['role']

export const ViewerContext = createContext<Viewer | null>(null)

/** Returns who looks at the console. Only below the layout, which is drawn once that is known. */
export function useViewer(): Viewer {
  return useContext(ViewerContext)!
}
