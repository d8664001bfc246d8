import { describe, expect, onTestFinished, vi } from 'vitest'
import { createAuthenticate } from '../../../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../../../src/observability/logs/logger.ts'
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

const ORDER = 'movement { sku order { status deadLetters { id } } }'
const RESERVED = { sku: 'A', order: { status: 'RESERVED', deadLetters: [] } }

type Stream = { server: Target; query: string; variables?: object; subscribe?: Subscribe }

/** What streams are told of an order of A that is reserved, and how many statements Prisma runs for that. */
async function follow({ app }: TestApp, streams: readonly Stream[]) {
  const { id } = await seed(app).order({ sku: 'A' })
  const opened = streams.map(({ server, query, variables, subscribe = subscribeBySse }) =>
    subscribe(server, query, variables),
  )
  const answers = opened.map((subscription) => subscription.next())
  await eventually(() => app.stockFeed.watcherCount === streams.length)
  const asked = vi.spyOn(app.pool, 'query')
  await reserveOrders(app, [id])
  const told = (await Promise.all(answers)).map((answer) => answer!)
  const texts = asked.mock.calls.map(([query]) => (query as unknown as { text: string }).text)
  asked.mockRestore()
  for (const { leave } of opened) leave()
  await eventually(() => app.stockFeed.watcherCount === 0)
  return {
    told,
    movements: told.map(({ data }) => data?.inventoryChanged.movement),
    // in capitals: Prisma's
    statements: texts.filter((text) => text?.startsWith('SELECT')).length,
  }
}

describe('a change of stock', () => {
  const query = `subscription ($skus: [String!]) { inventoryChanged(skus: $skus) { ${ORDER} } }`

  test('is executed once for all who sent the same text, whatever chooses their events', async ({
    testApp,
    server,
  }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const one = await follow(testApp, [{ server, query }])
    expect(one.statements).toBeGreaterThan(0)
    const several = await follow(testApp, [
      { server, query },
      { server, query, variables: { skus: ['A'] } },
      { server, query, variables: { skus: ['A'] }, subscribe: subscribeByWebSocket },
    ])
    expect(several.movements).toEqual([RESERVED, RESERVED, RESERVED])
    expect(several.statements).toBe(one.statements)
  })

  test('is executed for each stream where a variable says what is told of it', async ({
    testApp,
    server,
  }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const fragments = `subscription ($more: Boolean!) { ...All }
      fragment All on Subscription { inventoryChanged { movement { sku order @include(if: $more) { status deadLetters { id } } } } }`
    const { movements } = await follow(testApp, [
      { server, query: fragments, variables: { more: false } },
      { server, query: fragments, variables: { more: true } },
    ])
    expect(movements).toEqual([{ sku: 'A' }, RESERVED])
  })

  test('is told to each as it asked for it', async ({ testApp, server }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const { movements } = await follow(testApp, [
      { server, query },
      { server, query: 'subscription { inventoryChanged { movement { reservedDelta } } }' },
      { server, query: 'subscription { inventoryChanged { movement { of: sku } } }' },
    ])
    expect(movements).toEqual([RESERVED, { reservedDelta: 1 }, { of: 'A' }])
  })

  test('shows a role nothing that another may see', async ({ testApp }) => {
    await seed(testApp.app).item({ sku: 'A', available: 10 })
    const authenticate = createAuthenticate(bySecret, createLogger('silent'))
    const server = await serveApp(testApp, { authenticate })
    onTestFinished(server.close)
    const as = async (role: 'operator' | 'service') => ({
      query,
      server: { ...server, authorization: await authorizationOf(role, role) },
    })
    const { told, movements } = await follow(testApp, [await as('operator'), await as('service')])
    expect(movements[0]).toEqual(RESERVED)
    expect(codesOf(told[1]!)).toEqual(['FORBIDDEN'])
  })
})
