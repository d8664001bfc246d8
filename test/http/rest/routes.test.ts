import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestApp, type TestApp } from '../../support/harness.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

let server: TestApp
let http: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
})

afterAll(async () => {
  await http.close()
  await server.close()
})

describe('below /api', () => {
  test.each(['nowhere', '__proto__', 'constructor', 'toString'])(
    'refuses the parameter %s by its name',
    async (name) => {
      const url = `/api/orders/01890a5d-ac96-774b-bcce-b302099a8057?${name}=1`
      expect(expectProblem(await http.inject(url), 400, 'BAD_REQUEST').detail).toContain(JSON.stringify(name))
    },
  )

  test.each(['limit', 'cursor'])(
    'refuses the parameter %s by its name where there are no pages',
    async (name) => {
      for (const url of [`/api/inventory/WIDGET?${name}=1`, `/api/orders/1?${name}=1`]) {
        const { errors } = expectProblem(await http.inject(url), 400, 'BAD_REQUEST')
        expect(errors).toEqual([{ detail: `This call has no "${name}"`, parameter: name }])
      }
    },
  )

  test('answers 404 to an unknown path', async () => {
    for (const url of ['/api', '/api/', '/api/orders', '/api/order/', '/api/nowhere?x=1']) {
      expectProblem(await http.inject(url), 404, 'NOT_FOUND')
    }
    expectProblem(await http.inject({ method: 'POST', url: '/api/nowhere', payload: '{' }), 404, 'NOT_FOUND')
  })

  test.each([
    ['GET', '/api/order', 'POST, OPTIONS'],
    ['PUT', '/api/order', 'POST, OPTIONS'],
    ['PROPFIND', '/api/order', 'POST, OPTIONS'],
    ['DELETE', '/api/orders/1', 'GET, HEAD, OPTIONS'],
    ['POST', '/api/orders/1', 'GET, HEAD, OPTIONS'],
    ['GET', '/api/orders/1/cancel', 'POST, OPTIONS'],
    ['PUT', '/api/orders/1/ship', 'POST, OPTIONS'],
    ['DELETE', '/api/orders/1/return', 'POST, OPTIONS'],
    ['PATCH', '/api/shipments/1/undo', 'POST, OPTIONS'],
    ['POST', '/api/inventory/WIDGET', 'GET, HEAD, OPTIONS'],
    ['PATCH', '/api/inventory/WIDGET/movements', 'GET, HEAD, OPTIONS'],
    ['POST', '/api/inventory/changes', 'GET, HEAD, OPTIONS'],
    ['PUT', '/api/inventory/import', 'POST, OPTIONS'],
    ['PUT', '/api/inventory/export', 'GET, OPTIONS'],
    ['POST', '/api/movements/export', 'GET, OPTIONS'],
  ] as const)('answers 405 to %s %s', async (method, url, allow) => {
    const answer = await http.inject({
      method,
      url,
      ...(method !== 'GET' && { payload: '{', headers: { 'content-type': 'application/json' } }),
    })
    expectProblem(answer, 405, 'METHOD_NOT_ALLOWED')
    expect(answer.headers.allow).toBe(allow)
  })
})
