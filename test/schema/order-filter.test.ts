import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { test } from '../support/fixtures.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

test("orders are found by customer and by the shop's number, and with the other filters", async ({
  app,
  server,
}) => {
  for (const sku of ['ITEM-10', 'ITEM-11']) await seed(app).item({ sku })
  const numbered = async (reference: string | null, customerId: string, sku = 'ITEM-10') => {
    const request = { sku, qty: 1, reference, customerId, idempotencyKey: null }
    return (await createOrder(app, LOCAL_OPERATOR, request)).order!.id
  }
  const first = await numbered('web 4711', 'carol')
  const second = await numbered('web 4711', 'carol', 'ITEM-11')
  const third = await numbered('web 4711', 'dave')
  const others = [await numbered('web 4712', 'carol'), await numbered(null, 'carol')]
  const find = async (filter: string, page = 'first: 100') => {
    const query = `{ orders(${page} filter: ${filter}) { edges { cursor node { id } } } }`
    const { data } = await execute(server, query)
    return data.orders.edges as { cursor: string; node: { id: string } }[]
  }
  const ids = async (filter: string, page?: string) => (await find(filter, page)).map(({ node }) => node.id)
  const number = 'reference: "web 4711"'
  expect(await ids(`{ ${number} }`)).toEqual([third, second, first])
  expect(await ids('{ customerId: "carol" }')).toEqual([...others.toReversed(), second, first])
  expect(await ids(`{ ${number}, customerId: "carol" }`)).toEqual([second, first])
  expect(await ids(`{ ${number}, sku: "ITEM-10" }`)).toEqual([third, first])
  expect(await ids(`{ ${number}, status: RESERVED }`)).toEqual([])
  expect(await ids(`{ ${number}, status: PENDING, sku: "ITEM-11", customerId: "carol" }`)).toEqual([second])
  const [edge] = await find(`{ ${number} }`, 'first: 1')
  expect(await ids(`{ ${number} }`, `first: 1, after: "${edge!.cursor}"`)).toEqual([second])
  expect(await ids(`{ ${number} }`, 'last: 2')).toEqual([second, first])
  const earlier = (await find(`{ ${number} }`))[2]!.cursor
  expect(await ids(`{ ${number} }`, `last: 1, before: "${earlier}"`)).toEqual([second])
  for (const odd of ['', '\u0000', 'x'.repeat(10_000), 'nobody']) {
    expect(await ids(`{ reference: ${JSON.stringify(odd)} }`)).toEqual([])
    expect(await ids(`{ customerId: ${JSON.stringify(odd)} }`)).toEqual([])
  }
})
