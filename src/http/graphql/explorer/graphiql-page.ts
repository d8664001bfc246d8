import { createHash } from 'node:crypto'
import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import type { GraphiQLOptions, Plugin } from 'graphql-yoga'

type Page = { html: string; policy: string }

const VIEWPORT = `<meta name="viewport" content="width=device-width, initial-scale=1" />
  <style>
    /* answers below the editor: beside it a phone leaves them 40 pixels */
    @media (max-width: 640px) {
      #graphiql-session { flex-direction: column; overflow: auto }
      #graphiql-session > div { flex: 1 1 50% !important; min-height: 40%; width: 100% }
      #graphiql-session > .graphiql-horizontal-drag-bar { display: none }
    }
  </style>`

/**
 * Opens the tabs that a visit left, at the one that was open. GraphiQL looks for a tab with the query that it stored by itself, and
 * opens an empty one if there is none: so after each visit that edited nothing.
 */
const RESUME = `{
  const { tabs, activeTabIndex } = JSON.parse(localStorage.getItem('graphiql:tabState')) ?? {}
  for (const part of ['query', 'variables', 'headers']) {
    const text = tabs?.[activeTabIndex]?.[part]
    if (typeof text === 'string') localStorage.setItem('graphiql:' + part, text)
    else localStorage.removeItem('graphiql:' + part)
  }
};`

/**
 * GraphiQL as one page with everything in it, so that it works offline, under a policy by which it runs its own script
 * alone and calls this server alone.
 */
export function graphiqlPage(): { render: (options?: GraphiQLOptions) => string; plugin: Plugin } {
  // always the same: 9 MB are put together and hashed once, when somebody first looks
  let page: Page | undefined
  return {
    render: (options) => {
      page ??= createPage(options)
      return page.html
    },
    plugin: {
      onResponse({ response }) {
        const isPage = response.headers.get('content-type')?.startsWith('text/html')
        if (page && isPage) response.headers.set('content-security-policy', page.policy)
      },
    },
  }
}

function createPage(options?: GraphiQLOptions): Page {
  // without it a phone shows all of the page at once, too small to read
  const html = renderGraphiQL(options)
    .replace('<head>', `<head>${VIEWPORT}`)
    .replace('<script>', `<script>${RESUME}`)
  const [, script = ''] = /<script>(.*?)<\/script>/s.exec(html) ?? []
  const hash = createHash('sha256').update(script).digest('base64')
  const policy = [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    // the editor's, made of texts in the page
    'worker-src blob:',
    // the editor writes styles
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]
  return { html, policy: policy.join('; ') }
}
