import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { isConnected } from './api/connection.ts'
import { readToken, signOut } from './api/session.ts'
import { useHeartbeat } from './api/use-heartbeat.ts'
import { useViewer } from './api/viewer.ts'
import { Announcer } from './components/announcer.tsx'
import { Button } from './components/button.tsx'
import { pagesOf } from './pages.tsx'

/** What is around every page: navigation, who looks at it, and whether the server answers. */
export function Layout({ children }: { children: ComponentChildren }) {
  useHeartbeat()
  return (
    <>
      <a class="skip-link" href="#main">
        Skip to the page
      </a>
      <header class="top-bar">
        <a class="brand" href="/console">
          <span class="brand-mark" aria-hidden="true" />
          Holdfast
        </a>
        <Navigation />
        <Identity />
      </header>
      <Connection />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <Announcer />
    </>
  )
}

function Navigation() {
  const { role } = useViewer()
  const { path: here } = useLocation()
  const nav = useRef<HTMLElement>(null)
  // a phone has no room for all: the bar scrolls to where the reader is
  useEffect(() => {
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [here])
  return (
    <nav ref={nav} aria-label="Pages">
      <ul>
        {pagesOf(role).map(({ path, label }) => {
          if (!label) return null
          const isHere = here === path ? 'page' : here.startsWith(`${path}/`) ? 'true' : undefined
          return (
            <li key={path}>
              <a href={path} aria-current={isHere}>
                {label}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

function Identity() {
  const { id, role } = useViewer()
  // without authentication everybody is the local operator, and there is nothing to sign out of
  if (readToken() === null) return null
  return (
    <div class="identity">
      <span title={`Signed in as ${id}`}>
        {id} <span class="muted">{role.toLowerCase()}</span>
      </span>
      <Button variant="quiet" onClick={signOut}>
        Sign out
      </Button>
    </div>
  )
}

/** Always there, so that a screen reader hears when it gets a text. */
function Connection() {
  return (
    <div class="connection" role="status">
      {isConnected.value ? null : <p>Connection lost, retrying. What you see may be out of date.</p>}
    </div>
  )
}
