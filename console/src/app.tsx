import { Provider } from '@urql/preact'
import { LocationProvider, Route, Router } from 'preact-iso/router'
import { queries } from './api/client.ts'
import { explain } from './api/explain.ts'
import { refusal } from './api/session.ts'
import { useRead } from './api/use-read.ts'
import { type Viewer, ViewerContext, ViewerDocument } from './api/viewer.ts'
import { ErrorState } from './components/states.tsx'
import { Layout } from './layout.tsx'
import { FirstPage, NotFound, routesOf } from './pages.tsx'
import { SignIn } from './sign-in.tsx'

/** Everything below /console, and nothing else of this server, is a page of the console. */
const SCOPE = /^\/console(?:[/?#]|$)/

/** The console: asks who looks at it, and shows the pages that there are for them. */
export function App() {
  return (
    <Provider value={queries}>
      <LocationProvider scope={SCOPE}>
        <Start />
      </LocationProvider>
    </Provider>
  )
}

function Start() {
  const { data, error, refresh } = useRead(ViewerDocument, {})
  if (refusal.value !== null) return <SignIn reason={refusal.value} />
  if (data) return <Pages viewer={data.viewer} />
  if (error) return <ErrorState text={explain(error)} retry={refresh} />
  return null
}

function Pages({ viewer }: { viewer: Viewer }) {
  return (
    <ViewerContext.Provider value={viewer}>
      <Layout>
        <Router>
          {routesOf(viewer.role).map(({ path, component }) => (
            <Route key={path} path={path} component={component} />
          ))}
          <Route path="/console" component={FirstPage} />
          <Route default component={NotFound} />
        </Router>
      </Layout>
    </ViewerContext.Provider>
  )
}
