import { render } from 'preact'
import { App } from './app.tsx'
import { preloadPage } from './pages.tsx'

preloadPage(location.pathname)

render(<App />, document.getElementById('app')!)
