import type { GraphQLObjectType } from 'graphql'
import { describe, expect, onTestFinished, vi } from 'vitest'
import { createAuthenticate } from '../../../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../../../src/observability/logs/logger.ts'
import { schema } from '../../../../src/schema/index.ts'
import { test } from '../../../support/fixtures.ts'
import {
  codesOf,
  type Subscribe,
  serveApp,
  subscribeBySse,
  subscribeByWebSocket,
  type Target,
} from '../../../support/graphql.ts'
import { eventually, seed, type TestApp } from '../../../support/harness.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'
import { authorizationOf, bySecret } from '../../../support/tokens.ts'

type Stream = { server: Target; query: string; variables?: object; subscribe?: Subscribe }

/** What streams are told of the movement of an order of A that is reserved. */
async function follow({ app }: TestApp, streams: readonly Stream[]) {
  const { id } = await seed(app).order({ sku: 'A' })
  const opened = streams.map(({ server, query, variables, subscribe = subscribeBySse }) =>
    subscribe(server, query, variables),
  )
  const answers = opened.map((subscription) => subscription.next())
  await eventually(() => app.stockFeed.watcherCount === streams.length)
  await reserveOrders(app, [id])
  const told = (await Promise.all(answers)).map((answer) => answer!)
  for (const { leave } of opened) leave()
  return { told, movements: told.map(({ data }) => data?.inventoryChanged.movement) }
}

/** Counts how often a field is resolved. */
function countResolving(type: string, name: string): () => number {
  const field = (schema.getType(type) as GraphQLObjectType).getFields()[name]!
  const original = field.resolve!
  const resolve = vi.fn(original)
  field.resolve = resolve
  onTestFinished(() => {
    field.resolve = original
  })
  return () => resolve.mock.calls.length
}

/** The statements that Prisma ran since. */
function countReads({ app }: TestApp): () => number {
  const asked = vi.spyOn(app.pool, 'query')
  onTestFinished(() => asked.mockRestore())
  const textOf = ([query]: readonly unknown[]) => (query as { text?: string }).text ?? ''
  // in capitals: Prisma's
  return () => asked.mock.calls.filter((call) => textOf(call).startsWith('SELECT')).length
}

describe('a change of stock', () => {
  test('is executed once for all who sent the same text, whatever chooses their events', async ({
    testApp,
    server,
  }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const query = `subscription ($skus: [String!]) { inventoryChanged(skus: $skus) {
      cursor movement { sku reservedDelta location { code } }
    } }`
    const resolved = countResolving('InventoryChange', 'cursor')
    const { movements } = await follow(testApp, [
      { server, query },
      { server, query, variables: { skus: ['A'] } },
      { server, query, variables: { skus: ['A'] }, subscribe: subscribeByWebSocket },
      { server, query: query.replace('cursor', 'crossed cursor') },
    ])
    expect(movements).toEqual(Array(4).fill({ sku: 'A', reservedDelta: 1, location: { code: 'MAIN' } }))
    expect(resolved()).toBe(2)
  })

  test('is told to each as it asked for it', async ({ testApp, server }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const several = `subscription One { inventoryChanged { movement { sku } } }
      subscription Two { inventoryChanged { movement { reservedDelta } } }`
    const depends = `subscription ($more: Boolean!) { ...All }
      fragment All on Subscription { inventoryChanged { movement { sku reservedDelta @include(if: $more) } } }`
    const { movements } = await follow(testApp, [
      { server, query: several, subscribe: byName('One') },
      { server, query: several, subscribe: byName('Two') },
      { server, query: depends, variables: { more: false } },
      { server, query: depends, variables: { more: true } },
      { server, query: 'subscription { inventoryChanged { movement { of: sku } } }' },
    ])
    const both = { sku: 'A', reservedDelta: 1 }
    expect(movements).toEqual([{ sku: 'A' }, { reservedDelta: 1 }, { sku: 'A' }, both, { of: 'A' }])
  })

  test('is executed for each role', async ({ testApp }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const authenticate = createAuthenticate(bySecret, createLogger('silent'))
    const server = await serveApp(testApp, { authenticate })
    onTestFinished(server.close)
    const as = async (role: 'operator' | 'service', query: string) => {
      return { server: { ...server, authorization: await authorizationOf(role, role) }, query }
    }
    const query = 'subscription { inventoryChanged { cursor movement { sku } } }'
    // only operators may read it
    const secret = 'subscription { inventoryChanged { movement { order { deadLetters { id } } } } }'
    const resolved = countResolving('InventoryChange', 'cursor')
    const { told, movements } = await follow(testApp, [
      await as('operator', query),
      await as('service', query),
      await as('operator', secret),
      await as('service', secret),
    ])
    expect(movements.slice(0, 3)).toEqual([{ sku: 'A' }, { sku: 'A' }, { order: { deadLetters: [] } }])
    expect(resolved()).toBe(2)
    expect(codesOf(told[3]!)).toEqual(['FORBIDDEN'])
  })

  test('is read anew for each where an order is asked for', async ({ testApp, server }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const query = 'subscription { inventoryChanged { cursor movement { order { status } } } }'
    const resolved = countResolving('InventoryChange', 'cursor')
    const { movements } = await follow(testApp, [
      { server, query },
      { server, query },
    ])
    expect(movements).toEqual(Array(2).fill({ order: { status: 'RESERVED' } }))
    expect(resolved()).toBe(2)
  })
})

test('rows of one event are read together', async ({ testApp, server }) => {
  const { app } = testApp
  const skus = ['A', 'B', 'C', 'D']
  for (const sku of skus) await seed(app).item({ sku, available: 10 })
  const { id } = await seed(app).order({ lines: skus.map((sku) => [sku, 1] as [string, number]) })
  const query = `subscription ($id: ID!) { orderStatusChanged(id: $id) {
    status lines { inventoryItem { name } allocations { location { name } } }
  } }`
  const subscription = subscribeBySse(server, query, { id })
  onTestFinished(subscription.leave)
  await subscription.next()
  const reads = countReads(testApp)
  await reserveOrders(app, [id])
  const { data } = (await subscription.next())!
  expect(data.orderStatusChanged.lines).toHaveLength(4)
  // items, and locations
  expect(reads()).toBeGreaterThan(0)
  expect(reads()).toBeLessThanOrEqual(2)
})

/** Subscribes to one of the operations of a document. */
function byName(operationName: string): Subscribe {
  return (server, query, variables) => subscribeBySse(server, query, variables, operationName)
}
