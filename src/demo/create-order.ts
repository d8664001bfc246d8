import type { FailureReason, OrderStatus } from '../domain/order-status.ts'
import type { Scenario } from './scenarios.ts'

/** One change of an order, as GraphQL tells it. */
export type Change = {
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  version: number
  /** By the server's clock. */
  at: string
}

/** An order that the demo has placed, with the changes that it has heard of, oldest first. */
export type DemoOrder = { id: string; scenario: Scenario; changes: Change[] }

export const CHANGES_FIELD = 'events { from to reason version at }'

const MUTATION = `mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) { order { id ${CHANGES_FIELD} } userErrors { code message } }
}`

type Answer = {
  data?: {
    createOrder: { order: { id: string; events: Change[] } | null; userErrors: { code: string; message: string }[] }
  } | null
  errors?: { message: string }[]
}

/**
 * Places an order by GraphQL over HTTP.
 *
 * @param url where the server listens
 * @throws {Error} that says why there is no order
 */
export async function createOrder(url: string, scenario: Scenario): Promise<DemoOrder> {
  const { sku, qty } = scenario
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query: MUTATION, variables: { input: { sku, qty } } }),
  })
  const { data, errors } = (await response.json()) as Answer
  if (data?.createOrder.order) {
    const { id, events } = data.createOrder.order
    return { id, scenario, changes: events }
  }
  const [error] = data?.createOrder.userErrors ?? []
  const hint = error?.code === 'UNKNOWN_SKU' ? '. `npm run seed` puts it into the database at DATABASE_URL' : ''
  throw new Error(`No order of ${sku}: ${error?.message ?? errors?.[0]?.message ?? response.status}${hint}`)
}
