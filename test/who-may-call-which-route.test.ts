import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../src/domain/caller.ts'
import { shipOrder } from '../src/use-cases/orders/verbs/ship-order.ts'
import { type RolesServer, serveRoles } from './support/roles.ts'
import { type ComesTo, type Seeded, seedForRoles, WHO } from './support/seed-for-roles.ts'

let server: RolesServer
let seeded: Seeded
/** Of alice's order: one for each who undoes one. */
const shipmentIds: string[] = []

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  seeded = await seedForRoles(app)
  const lines = [{ sku: 'GIZMO', qty: 1 }]
  for (const _ of WHO) {
    const shipped = await shipOrder(app, LOCAL_OPERATOR, { id: seeded.alices.id, lines })
    shipmentIds.push(shipped.shipments[0]!.id)
  }
})
afterAll(() => server.close())

/** Every route with what it is called by, and the status that it comes to. */
const open = { nobody: 200, customer: 200, service: 200, operator: 200 }
const redirects = { nobody: 302, customer: 302, service: 302, operator: 302 }
const ROUTES: Record<string, { call?: string; body?: object | string; comesTo: ComesTo<number> }> = {
  '/': { comesTo: redirects },
  '/health/live': { comesTo: open },
  '/health/ready': { comesTo: open },
  '/metrics': { comesTo: open },
  '/openapi.json': { comesTo: open },
  '/docs': { comesTo: redirects },
  '/docs/': { comesTo: open },
  '/docs/*': { call: 'GET /docs/static/swagger-ui.css', comesTo: open },
  '/docs/static/index.html': { comesTo: redirects },
  '/docs/static/swagger-initializer.js': { comesTo: open },
  '/docs/static/theme/phone.css': { comesTo: open },
  '/docs/static/theme/viewport.js': { comesTo: open },
  '/docs/json': { comesTo: open },
  '/docs/yaml': { comesTo: open },
  '/supplier/reserve': {
    call: 'POST /supplier/reserve',
    body: { order_id: 'x', sku: 'X-OK', qty: 1 },
    comesTo: open,
  },
  '/supplier/status/:ref': { call: 'GET /supplier/status/ok-x', comesTo: open },
  '/graphql': { call: 'GET /graphql?query={__typename}', comesTo: { ...open, nobody: 401 } },
  '/api/order': {
    call: 'POST /api/order',
    body: { sku: 'GIZMO', qty: 1 },
    comesTo: { nobody: 401, customer: 201, service: 201, operator: 201 },
  },
  '/api/orders/:id': { call: 'GET /api/orders/ALICES', comesTo: { ...open, nobody: 401 } },
  '/api/orders/:id/confirm': {
    call: 'POST /api/orders/HOLD/confirm',
    body: {},
    comesTo: { ...open, nobody: 401 },
  },
  '/api/orders/:id/extend': {
    call: 'POST /api/orders/ALICES_HOLD/extend',
    body: { hold_seconds: 600 },
    comesTo: { ...open, nobody: 401 },
  },
  '/api/orders/:id/cancel': {
    call: 'POST /api/orders/ALICES/cancel',
    body: { lines: [{ sku: 'GIZMO', qty: 1 }] },
    comesTo: { ...open, nobody: 401 },
  },
  '/api/orders/:id/ship': {
    call: 'POST /api/orders/ALICES/ship',
    body: { lines: [{ sku: 'GIZMO', qty: 1 }] },
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
  '/api/orders/:id/return': {
    call: 'POST /api/orders/ALICES/return',
    body: { lines: [{ sku: 'GIZMO', qty: 1 }] },
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
  '/api/shipments/:id/undo': {
    call: 'POST /api/shipments/SHIPMENT/undo',
    body: {},
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
  '/api/inventory/:sku': { call: 'GET /api/inventory/GIZMO', comesTo: { ...open, nobody: 401 } },
  '/api/inventory/changes': { comesTo: { ...open, nobody: 401, customer: 403 } },
  '/api/inventory/:sku/receive': {
    call: 'POST /api/inventory/GIZMO/receive',
    body: { qty: 1 },
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
  '/api/inventory/:sku/movements': {
    call: 'GET /api/inventory/GIZMO/movements',
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
  '/api/inventory/import': {
    call: 'POST /api/inventory/import',
    body: 'sku,delta\nGIZMO,1\n',
    comesTo: { nobody: 401, customer: 403, service: 403, operator: 200 },
  },
  '/api/inventory/export': { comesTo: { ...open, nobody: 401, customer: 403 } },
  '/api/movements/export': { comesTo: { ...open, nobody: 401, customer: 403 } },
}

it('the table has a row for every route', () => {
  expect(Object.keys(ROUTES).sort()).toEqual(pathsOf(server.http.printRoutes({ commonPrefix: false })).sort())
})

describe.each(Object.entries(ROUTES))('the route %s', (path, { call = `GET ${path}`, body, comesTo }) => {
  it.each(WHO)('by %s', async (who) => {
    const [method = 'GET', at = path] = call
      .replace('SHIPMENT', () => shipmentIds.pop()!)
      .replace('ALICES_HOLD', seeded.hold.id)
      .replace('HOLD', () => seeded.holdIds.pop()!)
      .replace('ALICES', seeded.alices.id)
      .split(' ')
    const answer = await fetch(`${server.url}${at}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(server.authorizations[who] && { authorization: server.authorizations[who] }),
        ...(body && { 'content-type': typeof body === 'string' ? 'text/csv' : 'application/json' }),
      },
      ...(body && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    expect(answer.status).toBe(comesTo[who])
    expect(answer.headers.get('www-authenticate')).toBe(answer.status === 401 ? 'Bearer' : null)
    // a stream has no end
    if (answer.headers.get('content-type') === 'text/event-stream') return answer.body!.cancel()
    const text = await answer.text()
    if (path.startsWith('/api') && answer.status >= 400) {
      expect(answer.headers.get('content-type')).toMatch('application/problem+json')
      expect(JSON.parse(text).code).toBe(answer.status === 401 ? 'UNAUTHENTICATED' : 'FORBIDDEN')
    }
  })
})

it('serves the page of GraphiQL to strangers, with a template of the header, and runs nothing for them', async () => {
  const page = await fetch(`${server.url}/graphql?query={orders{edges{node{id}}}}`, {
    headers: { accept: 'text/html' },
  })
  expect(page.status).toBe(200)
  const text = await page.text()
  expect(text).toContain('Bearer TOKEN')
  expect(text).not.toContain(seeded.alices.id)
})

describe('a file of counts', () => {
  const comesTo: ComesTo<number> = { nobody: 401, customer: 403, service: 200, operator: 200 }

  it.each(WHO)('by %s', async (who) => {
    const answer = await fetch(`${server.url}/api/inventory/import`, {
      method: 'POST',
      headers: {
        ...(server.authorizations[who] && { authorization: server.authorizations[who] }),
        'content-type': 'text/csv',
      },
      body: `sku,counted\nNEVER-${who},1\n`,
    })
    expect(answer.status).toBe(comesTo[who])
  })
})

/** The paths in what Fastify prints of its routes, as a tree. */
function pathsOf(tree: string): string[] {
  const parents: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent, part] = /^(.*?)[├└]── (\S+) \(/.exec(line) ?? []
    if (indent === undefined || part === undefined) return []
    const depth = indent.length / 4
    parents[depth] = (parents[depth - 1] ?? '') + part
    return [parents[depth]!]
  })
}
