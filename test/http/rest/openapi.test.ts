import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { checkBySchema, type Json, resolveSchema } from '../../support/openapi.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { serveRest } from './serve-rest.ts'

let server: TestApp
let http: FastifyInstance
let document: Json

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  document = (await http.inject('/openapi.json')).json()
})

afterAll(async () => {
  await http.close()
  await server.close()
})

describe('/openapi.json', () => {
  test('is OpenAPI 3.1 and has every route but those of its own', async () => {
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(operations().map(({ name }) => name)).toEqual([
      'post /api/order',
      'get /api/orders/{id}',
      'post /api/orders/{id}/confirm',
      'post /api/orders/{id}/extend',
      'post /api/orders/{id}/cancel',
      'post /api/orders/{id}/ship',
      'post /api/orders/{id}/return',
      'post /api/shipments/{id}/undo',
      'get /api/inventory/{sku}',
      'post /api/inventory/{sku}/receive',
      'get /api/inventory/{sku}/movements',
      'get /api/inventory/changes',
      'post /api/inventory/import',
      'get /api/inventory/export',
      'get /api/movements/export',
    ])
  })

  test('refers to nothing that is not there, and has nothing that nothing refers to', () => {
    const refs = new Set(valuesOf('$ref', document))
    expect(refs.size).toBeGreaterThan(0)
    expect([...refs].sort()).toEqual(
      Object.keys(document.components!.schemas!)
        .map((name) => `#/components/schemas/${name}`)
        .sort(),
    )
  })

  test('describes every route, its parameters and each of its answers', () => {
    const statuses = operations().map(({ name, operation }) => {
      expect(operation, name).toMatchObject({
        operationId: expect.any(String),
        summary: expect.any(String),
        description: expect.any(String),
      })
      for (const parameter of operation.parameters ?? []) expect(parameter.schema).toHaveProperty('type')
      const responses = Object.entries(operation.responses!)
      for (const [status, response] of responses) {
        expect(response.description).not.toBe('Default Response')
        const types =
          Number(status) < 400 ? (STREAMED[name] ?? ['application/json']) : ['application/problem+json']
        expect(Object.keys(response.content!)).toEqual(types)
        for (const [type, { schema }] of Object.entries(response.content!)) {
          if (type.includes('json') && !type.includes('nd')) expect(schema).toHaveProperty('$ref')
          else if (type !== 'text/event-stream') expect(schema).toMatchObject({ type: 'string' })
        }
      }
      return [name, responses.map(([status]) => Number(status))]
    })
    const ofVerbs = [200, 400, 401, 403, 404, 409, 413, 415, 422, 500, 503]
    expect(Object.fromEntries(statuses)).toEqual({
      'post /api/order': [201, 400, 401, 403, 413, 415, 422, 429, 500, 503],
      'get /api/orders/{id}': [200, 400, 401, 403, 404, 500, 503],
      'post /api/orders/{id}/confirm': ofVerbs,
      'post /api/orders/{id}/extend': ofVerbs,
      'post /api/orders/{id}/cancel': ofVerbs,
      'post /api/orders/{id}/ship': ofVerbs,
      'post /api/orders/{id}/return': ofVerbs,
      'post /api/shipments/{id}/undo': ofVerbs,
      'get /api/inventory/{sku}': [200, 400, 401, 403, 404, 500, 503],
      'post /api/inventory/{sku}/receive': ofVerbs.filter((status) => status !== 409),
      'get /api/inventory/{sku}/movements': [200, 400, 401, 403, 404, 422, 500, 503],
      'get /api/inventory/changes': [200, 400, 401, 403, 404, 422, 429, 500, 503],
      'post /api/inventory/import': [200, 400, 401, 403, 409, 413, 415, 422, 500, 503],
      'get /api/inventory/export': [200, 400, 401, 403, 500, 503],
      'get /api/movements/export': [200, 400, 401, 403, 422, 500, 503],
    })
  })

  test('has the bounds that hold', () => {
    for (const name of ['createOrder', 'cancelOrder', 'shipOrder', 'returnOrder']) {
      const body = resolve(operationOf(name).requestBody!.content!['application/json']!.schema!)
      expect(body.additionalProperties).toBe(false)
      const lines = unlessNull(body.properties!.lines!)
      expect(lines).toMatchObject({ type: 'array', minItems: 1, maxItems: 100 })
      expect(lines.items!.additionalProperties).toBe(false)
      expect(lines.items!.required).toEqual(['sku', 'qty'])
      expect(lines.items!.properties!.qty).toMatchObject({ type: 'integer', minimum: 1, maximum: 1_000_000 })
    }
    const body = resolve(operationOf('createOrder').requestBody!.content!['application/json']!.schema!)
    expect(unlessNull(body.properties!.qty!)).toMatchObject({
      type: 'integer',
      minimum: 1,
      maximum: 1_000_000,
    })
    const extension = resolve(operationOf('extendHold').requestBody!.content!['application/json']!.schema!)
    for (const property of [body.properties!.hold_seconds!, extension.properties!.hold_seconds!]) {
      expect(unlessNull(property)).toMatchObject({ type: 'integer', minimum: 1, maximum: 2_678_400 })
    }
    const receipt = resolve(
      operationOf('receiveInventory').requestBody!.content!['application/json']!.schema!,
    )
    expect(receipt).toMatchObject({ additionalProperties: false, required: ['qty'] })
    expect(receipt.properties!.qty).toMatchObject({ type: 'integer', minimum: 1, maximum: 2_147_483_647 })
    const limit = operationOf('listMovements').parameters!.find(
      (parameter) => `${parameter.name}` === 'limit',
    )
    expect(limit!.schema).toMatchObject({ type: 'integer', minimum: 1, maximum: 100, default: 20 })
  })

  test('has examples that are what their schemas say', () => {
    const media = operations().flatMap(({ operation }) =>
      [operation.requestBody!, ...Object.values(operation.responses!)].flatMap((part) =>
        Object.values(part?.content ?? {}),
      ),
    )
    const examples = [
      ...media.map(({ schema, example }) => ({ schema, examples: example === undefined ? [] : [example] })),
      ...Object.values(document.components!.schemas!).map((schema) => ({
        schema,
        examples: schema.examples ?? [],
      })),
    ].flatMap(({ schema, examples }) => [...(examples as Json[])].map((example) => ({ schema, example })))
    expect(examples.length).toBeGreaterThan(10)
    for (const { schema, example } of examples) expect(check(schema!, example)).toEqual(example)
  })

  test('describes what is answered', async () => {
    await seed(server.app).item({ sku: 'WIDGET', available: 5 })
    const schemaOf = (name: string, status: number) =>
      Object.values(operationOf(name).responses![status]!.content!)[0]!.schema!
    const post = (url: string, payload: object) => http.inject({ method: 'POST', url, payload })

    const sendCsv = (payload: string) =>
      http.inject({
        method: 'POST',
        url: '/api/inventory/import',
        headers: { 'content-type': 'text/csv' },
        payload,
      })

    const created = await post('/api/order', { sku: 'WIDGET', qty: 2 })
    const { id } = created.json()
    await reserveOrders(server.app, [id])
    const shipped = await post(`/api/orders/${id}/ship`, { lines: [{ sku: 'WIDGET', qty: 1 }] })
    const [shipment] = shipped.json().shipments
    const held = await post('/api/order', { sku: 'WIDGET', qty: 1, hold_seconds: 60, if_short: 'FAIL' })
    const holdAt = held.headers.location as string

    for (const [name, status, answer] of [
      ['createOrder', 201, created],
      ['createOrder', 422, await post('/api/order', { sku: 'WIDGET', qty: 0 })],
      ['getOrder', 200, await http.inject(created.headers.location as string)],
      ['shipOrder', 200, shipped],
      ['shipOrder', 422, await post(`/api/orders/${id}/ship`, { lines: [{ sku: 'WIDGET', qty: 2 }] })],
      ['returnOrder', 200, await post(`/api/orders/${id}/return`, { lines: [{ sku: 'WIDGET', qty: 1 }] })],
      ['undoShipment', 422, await post(`/api/shipments/${shipment.id}/undo`, {})],
      ['cancelOrder', 200, await post(`/api/orders/${id}/cancel`, {})],
      ['cancelOrder', 409, await post(`/api/orders/${id}/cancel`, {})],
      ['createOrder', 201, held],
      ['extendHold', 422, await post(`${holdAt}/extend`, { hold_seconds: 0 })],
      ['extendHold', 200, await post(`${holdAt}/extend`, { hold_seconds: 120 })],
      ['confirmOrder', 200, await post(`${holdAt}/confirm`, {})],
      ['confirmOrder', 409, await post(`${holdAt}/confirm`, {})],
      ['getInventoryItem', 200, await http.inject('/api/inventory/WIDGET')],
      ['listMovements', 200, await http.inject('/api/inventory/WIDGET/movements')],
      ['importInventory', 200, await sendCsv('sku,delta\nWIDGET,1\nNONE,1\n')],
      ['importInventory', 422, await sendCsv('sku,stock\nWIDGET,1\n')],
      ['importInventory', 400, await sendCsv('sku,delta\nWIDGET,"1\n')],
    ] as const) {
      expect(answer.statusCode, name).toBe(status)
      expect(check(schemaOf(name, status), answer.json())).toEqual(answer.json())
    }
  })
})

describe('/docs', () => {
  test('leads to the page, relative to where it is', async () => {
    for (const [url, location] of [
      ['/docs', './docs/'],
      ['/docs?deep', './docs/?deep'],
    ] as const) {
      const answer = await http.inject(url)
      expect([answer.statusCode, answer.headers.location]).toEqual([302, location])
    }
  })

  test('loads nothing from elsewhere, and all that it loads is there', async () => {
    const page = await http.inject('/docs/')
    expect(page.statusCode).toBe(200)
    expect(page.headers['content-security-policy']).toContain("default-src 'self'")
    const sources = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, source]) => source!)
    expect(sources.length).toBeGreaterThan(4)
    for (const source of sources) {
      expect(source).toMatch(/^\.\//)
      const part = await http.inject(new URL(source, 'http://host/docs/').pathname)
      expect(part.statusCode, source).toBe(200)
      if (source.endsWith('.css')) expect(part.body).not.toMatch(/@import|url\(["']?(?!["']?data:)/)
    }
  })

  test('reads the description beside it, and asks no validator about it', async () => {
    const script = (await http.inject('/docs/static/swagger-initializer.js')).body
    expect(script).toContain("url: resolveUrl('./json')")
    expect(script).toContain('validatorUrl: null')
    expect(script).not.toMatch(/https?:\/\/(?!stackoverflow)/)
    const described = (await http.inject('/docs/json')).json()
    expect(described).toEqual({ ...document, servers: [{ url: '..' }] })
  })
})

/** Calls that are answered with text as it comes. */
const STREAMED: Record<string, string[]> = {
  'post /api/inventory/import': ['application/json', 'text/csv', 'application/x-ndjson'],
  'get /api/inventory/changes': ['text/event-stream'],
  'get /api/inventory/export': ['text/csv'],
  'get /api/movements/export': ['text/csv'],
}

function operations(): { name: string; operation: Json }[] {
  return Object.entries(document.paths!).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({
      name: `${method} ${path}`,
      operation: operation as Json,
    })),
  )
}

function operationOf(operationId: string): Json {
  return operations().find(({ operation }) => `${operation.operationId}` === operationId)!.operation
}

/** The schema of a value that may be null. */
function unlessNull(schema: Json): Json {
  return schema.anyOf?.find(({ type }) => `${type}` !== 'null') ?? schema
}

const check = (schema: Json, value: unknown) => checkBySchema(document, schema, value)
const resolve = (schema: Json) => resolveSchema(document, schema)

function valuesOf(key: string, value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, child]) => (name === key ? [child] : valuesOf(key, child)))
}
