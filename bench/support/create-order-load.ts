import { type HttpLoad, type LoadResult, putHttpLoad } from '../http-load.ts'

const QUERY = `mutation CreateOrder($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id status version } userErrors { code message field } }
}`

/** createOrder of one piece, as GraphQL POST. */
export function createOrderLoad(sku: string): Pick<HttpLoad, 'path' | 'body' | 'status' | 'bodyIncludes'> {
  return {
    path: '/graphql',
    body: JSON.stringify({ query: QUERY, variables: { input: { sku, qty: 1 } } }),
    status: 200,
    bodyIncludes: '"status":"PENDING","version":1},"userErrors":[]',
  }
}

/** Puts that load on a server. */
export function putCreateOrderLoad(
  load: Pick<HttpLoad, 'url' | 'connections' | 'warmUpS' | 'durationS'> & { sku: string },
): Promise<LoadResult> {
  const { sku, ...rest } = load
  return putHttpLoad({ ...rest, ...createOrderLoad(sku) })
}
