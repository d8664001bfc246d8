import type { ComponentType } from 'preact'
import { useEffect } from 'preact/hooks'
import lazy from 'preact-iso/lazy'
import { useLocation } from 'preact-iso/router'
import { type Role, useViewer } from './api/viewer.ts'
import { Page } from './components/page.tsx'
import { ErrorState } from './components/states.tsx'

type PageEntry = {
  path: string
  component: ComponentType & { preload: () => Promise<unknown> }
  /** What the navigation calls it; a page without is reached by links. */
  label?: string
  /** For whom it is there. */
  roles: readonly Role[]
}

const EVERYONE: readonly Role[] = ['CUSTOMER', 'SERVICE', 'OPERATOR']
const OPERATORS: readonly Role[] = ['OPERATOR']

/** Every page, in the order of the navigation. Each is loaded when it is first opened. */
const PAGES: readonly PageEntry[] = [
  {
    path: '/console/overview',
    label: 'Overview',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/overview.tsx').then(({ OverviewPage }) => OverviewPage)),
  },
  {
    path: '/console/orders',
    label: 'Orders',
    roles: EVERYONE,
    component: loadPage(() => import('./pages/orders.tsx').then(({ OrdersPage }) => OrdersPage)),
  },
  {
    path: '/console/orders/:id',
    roles: EVERYONE,
    component: loadPage(() => import('./pages/order.tsx').then(({ OrderPage }) => OrderPage)),
  },
  {
    path: '/console/stock',
    label: 'Stock',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/stock.tsx').then(({ StockPage }) => StockPage)),
  },
  {
    path: '/console/stock/:sku',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/item.tsx').then(({ ItemPage }) => ItemPage)),
  },
  {
    // no SKU can be in its way here
    path: '/console/import',
    label: 'Import',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/import.tsx').then(({ ImportPage }) => ImportPage)),
  },
  {
    path: '/console/dead-letters',
    label: 'Dead letters',
    roles: OPERATORS,
    component: loadPage(() =>
      import('./pages/dead-letters.tsx').then(({ DeadLettersPage }) => DeadLettersPage),
    ),
  },
  {
    path: '/console/webhooks',
    label: 'Webhooks',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/webhooks.tsx').then(({ WebhooksPage }) => WebhooksPage)),
  },
  {
    path: '/console/webhooks/:id',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/webhook.tsx').then(({ WebhookPage }) => WebhookPage)),
  },
  {
    path: '/console/locations',
    label: 'Locations',
    roles: OPERATORS,
    component: loadPage(() => import('./pages/locations.tsx').then(({ LocationsPage }) => LocationsPage)),
  },
]

/** Returns the pages that there are for a role; any other does not exist for it. */
export function pagesOf(role: Role): readonly PageEntry[] {
  return PAGES.filter(({ roles }) => roles.includes(role))
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
        It does not exist, or your role has no access to it. Go to <a href="/console/orders">the orders</a>.
      </p>
    </Page>
  )
}
