import { type HttpLoad, type LoadResult, putHttpLoad } from '../http-load.ts'

/** What is asked, and what the answer has to be. */
type RequestLoad = Pick<HttpLoad, 'path' | 'body' | 'status' | 'bodyIncludes'>
/** Where, how long, and on how many connections. */
type TimedLoad = Pick<HttpLoad, 'url' | 'connections' | 'warmUpS' | 'durationS'>

const QUERY = `mutation CreateOrder($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id status version } userErrors { code message field } }
}`

/** createOrder of one piece, as GraphQL POST. */
export function createOrderLoad(sku: string): RequestLoad {
  return {
    path: '/graphql',
    body: JSON.stringify({ query: QUERY, variables: { input: { sku, qty: 1 } } }),
    status: 200,
    bodyIncludes: '"status":"PENDING","version":1},"userErrors":[]',
  }
}

/** The same order by `POST /api/order`. */
export function createOrderRestLoad(sku: string): RequestLoad {
  return {
    path: '/api/order',
    body: JSON.stringify({ sku, qty: 1 }),
    status: 201,
    bodyIncludes: '"status":"pending"',
  }
}

/** Puts createOrder on a server, as GraphQL POST. */
export function putCreateOrderLoad({ sku, ...load }: TimedLoad & { sku: string }): Promise<LoadResult> {
  return putHttpLoad({ ...load, ...createOrderLoad(sku) })
}
