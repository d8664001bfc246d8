import { CHANGES_FIELD, type Change, type DemoOrder, type DemoServer, type Scenario } from './scenarios.ts'

const MUTATION = `mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id ${CHANGES_FIELD} } userErrors { code message } }
}`

type Answer = {
  data?: {
    createOrder: {
      order: { id: string; events: Change[] } | null
      userErrors: { code: string; message: string }[]
    }
  } | null
  errors?: { message: string; extensions?: { code?: string } }[]
}

const HINTS: Record<string, string> = {
  UNKNOWN_SKU: '. `npm run seed` puts it into the database at DATABASE_URL',
  UNAUTHENTICATED: '. HOLDFAST_TOKEN takes a token, such as `npm run token` makes',
}

/**
 * Places an order by GraphQL over HTTP.
 *
 * @throws {Error} that says why there is no order
 */
export async function placeOrder({ url, authorization }: DemoServer, scenario: Scenario): Promise<DemoOrder> {
  const { sku, qty } = scenario
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify({ query: MUTATION, variables: { input: { sku, qty } } }),
  })
  const { data, errors } = (await response.json()) as Answer
  if (data?.createOrder.order) {
    const { id, events } = data.createOrder.order
    return { id, scenario, changes: events }
  }
  const [error] = data?.createOrder.userErrors ?? []
  const hint = HINTS[error?.code ?? errors?.[0]?.extensions?.code ?? ''] ?? ''
  throw new Error(`No order of ${sku}: ${error?.message ?? errors?.[0]?.message ?? response.status}${hint}`)
}
