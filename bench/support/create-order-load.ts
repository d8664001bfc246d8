import { type HttpLoad, type LoadResult, putHttpLoad } from '../http-load.ts'

/** createOrder of one piece, as GraphQL POST. */
export function putCreateOrderLoad(
  load: Pick<HttpLoad, 'url' | 'connections' | 'warmUpS' | 'durationS'> & { sku: string },
): Promise<LoadResult> {
  const { sku, ...rest } = load
  const query = `mutation CreateOrder($input: CreateOrderInput!) {
    createOrder(input: $input) { order { id status version } userErrors { code message field } }
  }`
  return putHttpLoad({
    ...rest,
    path: '/graphql',
    body: JSON.stringify({ query, variables: { input: { sku, qty: 1 } } }),
    status: 200,
    bodyIncludes: '"status":"PENDING","version":1},"userErrors":[]',
  })
}
