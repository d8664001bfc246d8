import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { QueueFullError } from '../../../src/database/unavailable.ts'
import { CallError } from '../../../src/domain/errors.ts'
import { createTestApp, type TestApp } from '../../support/harness.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

const SECRET = 'select secret from vault'

let server: TestApp
let http: FastifyInstance | undefined

beforeAll(async () => {
  server = await createTestApp()
})

afterEach(() => http?.close())
afterAll(() => server.close())

/** The REST API of an application whose orders fail with `error`, and what it logs. */
async function serveFailing(error: unknown) {
  const lines: string[] = []
  const logger = pino({ level: 'info' }, { write: (line) => lines.push(line) })
  const createOrder = { submit: () => Promise.reject(error) } as unknown as App['groups']['createOrder']
  const app: App = { ...server.app, groups: { ...server.app.groups, createOrder } }
  http = await serveRest(app, { loggerInstance: logger })
  const answer = await http.inject({ method: 'POST', url: '/api/order', payload: { sku: 'WIDGET', qty: 1 } })
  return { answer, logged: lines.map((line) => JSON.parse(line)) }
}

describe('an unexpected error', () => {
  test.each([
    ['an error', new Error(SECRET)],
    ['an error of the database', new pg.DatabaseError(SECRET, 1, 'error')],
    [
      'an error with a status of its own',
      Object.assign(new Error(SECRET), { statusCode: 418, code: 'TEAPOT' }),
    ],
    ['a string', SECRET],
  ])('is a 500 that says nothing of it, and is logged whole: %s', async (_, error) => {
    const { answer, logged } = await serveFailing(error)

    expectProblem(answer, 500, 'INTERNAL_ERROR')
    expect(answer.body).not.toContain('secret')
    expect(answer.body).not.toContain(import.meta.filename)
    const line = logged.find(({ level }) => level === 50)
    expect(line.requestId).toMatch(/./)
    expect(JSON.stringify(line.err)).toContain(SECRET)
    if (error instanceof Error) expect(line.err.stack).toContain(import.meta.filename)
  })
})

describe('a database that is away', () => {
  test.each([
    ['a full queue', new QueueFullError('full')],
    ['a lost connection', new Error('Connection terminated unexpectedly')],
    ['a use-case that says so', new CallError('UNAVAILABLE', SECRET)],
  ])('is a 503 that says when to come back: %s', async (_, error) => {
    const { answer, logged } = await serveFailing(error)

    expectProblem(answer, 503, 'UNAVAILABLE')
    expect(answer.headers['retry-after']).toBe('1')
    expect(answer.body).not.toContain('secret')
    // refusals are counted, and logged together
    if (error instanceof QueueFullError) expect(logged.filter(({ level }) => level >= 40)).toEqual([])
    else expect(logged.find(({ level }) => level === 40).requestId).toMatch(/./)
  })

  test('is a 503 for reads too', async () => {
    const pool = new pg.Pool({ host: '127.0.0.1', port: 1 })
    const gone = await createTestApp()
    await gone.close()
    http = await serveRest({ ...gone.app, pool })

    const order = await http.inject('/api/orders/019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a')
    const movements = await http.inject('/api/inventory/WIDGET/movements')

    for (const answer of [order, movements]) {
      expectProblem(answer, 503, 'UNAVAILABLE')
      expect(answer.headers['retry-after']).toBe('1')
    }
    await pool.end()
  })
})
