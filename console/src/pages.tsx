import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import lazy from 'preact-iso/lazy'
import { useLocation } from 'preact-iso/router'
import { type Action, isAllowed, type Role } from './api/may.ts'
import { useViewer } from './api/viewer.ts'
import { Page } from './components/page.tsx'
import { ErrorState } from './components/states.tsx'

type PageEntry = {
  path: string
  component: ComponentType & { preload: () => Promise<unknown> }
  /** What the navigation calls it; a page without is reached by links. */
  label?: string
  /** What one has to be allowed for it; undefined for a page that everybody has. */
  needs?: Action
}

/** Every page, in the order of the navigation. Each is loaded when it is first opened. */
const PAGES: readonly PageEntry[] = [
  {
    path: '/console/overview',
    label: 'Overview',
    needs: 'readStatus',
    component: loadPage(() => import('./pages/overview.tsx').then(({ OverviewPage }) => OverviewPage)),
  },
  {
    path: '/console/orders',
    label: 'Orders',
    component: loadPage(() => import('./pages/orders.tsx').then(({ OrdersPage }) => OrdersPage)),
  },
  {
    path: '/console/orders/:id',
    component: loadPage(() => import('./pages/order.tsx').then(({ OrderPage }) => OrderPage)),
  },
  {
    path: '/console/stock',
    label: 'Stock',
    needs: 'readLevels',
    component: loadPage(() => import('./pages/stock.tsx').then(({ StockPage }) => StockPage)),
  },
  {
    path: '/console/stock/:sku',
    needs: 'readLedger',
    component: loadPage(() => import('./pages/item.tsx').then(({ ItemPage }) => ItemPage)),
  },
  {
    path: '/console/movements/:id',
    needs: 'readLedger',
    component: loadPage(() => import('./pages/movement.tsx').then(({ MovementPage }) => MovementPage)),
  },
  {
    // no SKU can be in its way here
    path: '/console/import',
    label: 'Import',
    needs: 'countInventory',
    component: loadPage(() => import('./pages/import.tsx').then(({ ImportPage }) => ImportPage)),
  },
  {
    path: '/console/dead-letters',
    label: 'Dead letters',
    needs: 'readDeadLetters',
    component: loadPage(() =>
      import('./pages/dead-letters.tsx').then(({ DeadLettersPage }) => DeadLettersPage),
    ),
  },
  {
    path: '/console/webhooks',
    label: 'Webhooks',
    needs: 'readWebhooks',
    component: loadPage(() => import('./pages/webhooks.tsx').then(({ WebhooksPage }) => WebhooksPage)),
  },
  {
    path: '/console/webhooks/:id',
    needs: 'readWebhooks',
    component: loadPage(() => import('./pages/webhook.tsx').then(({ WebhookPage }) => WebhookPage)),
  },
  {
    path: '/console/locations',
    label: 'Locations',
    needs: 'readLevels',
    component: loadPage(() => import('./pages/locations.tsx').then(({ LocationsPage }) => LocationsPage)),
  },
]

/** Returns what each address shows to a role. */
export function routesOf(role: Role): readonly { path: string; component: ComponentType }[] {
  const own = pagesOf(role)
  return PAGES.map((page) => ({
    path: page.path,
    component: own.includes(page) ? page.component : NotForRole,
  }))
}

/** Returns the pages that a role has. */
export function pagesOf(role: Role): readonly PageEntry[] {
  return PAGES.filter(({ needs }) => needs === undefined || isAllowed(role, needs))
}

/** Begins to load the page at an address: meanwhile the console asks who looks at it. */
export function preloadPage(address: string): void {
  // of an order's page and the list that it belongs to the longer one comes last
  const page = PAGES.findLast(({ path }) => address.startsWith(path.replace(/:\w+$/, '')))
  void page?.component.preload()
}

/** What a page's address leads to once a newer server has other files. */
function loadPage(load: () => Promise<ComponentType>): PageEntry['component'] {
  return lazy(() => load().catch(() => OutOfDate))
}

function OutOfDate() {
  return (
    <Page title="This page cannot be loaded">
      <ErrorState
        text="The server is away, or has another version than when you opened the console."
        retry={() => location.reload()}
      />
    </Page>
  )
}

/** Leads from /console to the first page. */
export function FirstPage() {
  const { route } = useLocation()
  const { role } = useViewer()
  useEffect(() => route(pagesOf(role)[0]!.path, true), [role])
  return null
}

export function NotFound() {
  return (
    <Page title="There is no such page">
      <p>
        Compare the address, or go to <a href="/console/orders">the orders</a>.
      </p>
    </Page>
  )
}

/** In the place of a page that is another role's: nothing of it is read. */
function NotForRole() {
  const { role } = useViewer()
  return (
    <Page title="There is no such page for your role">
      <p>
        You are signed in as {role.toLowerCase()}. Sign in with the token of an operator to see it, or go to{' '}
        <a href="/console/orders">the orders</a>.
      </p>
    </Page>
  )
}
