import { graphiqlTabs } from './graphiql-tabs.ts'

/** The token goes here; `npm run token` makes one. Not kept in the browser. */
const headers = JSON.stringify({ authorization: 'Bearer TOKEN' }, null, 2)

/** How GraphiQL opens: with authentication it shows the editor of its headers, with a template of the one that it takes. */
export function graphiqlSetup(isAuthenticated: boolean) {
  if (!isAuthenticated) return { defaultTabs: graphiqlTabs, subscriptionsProtocol: 'WS' } as const
  return {
    headers,
    defaultTabs: graphiqlTabs.map((tab) => ({ ...tab, headers })),
    defaultEditorToolsVisibility: 'headers',
    // it sends its headers over HTTP alone
    subscriptionsProtocol: 'SSE',
  } as const
}
