import { describe, expect, it } from 'vitest'
import { checkGraphqlAnswer } from './check-graphql.ts'
import { findLeaks } from './check-leaks.ts'
import { RestCheck } from './check-rest.ts'
import { checkResult } from './check-result.ts'
import { schema } from './part-schema.ts'
import type { Answer } from './send.ts'

const asked = { query: '{ part(id: "1") { id name colour tags } }' }
const part = { id: '1', name: null, colour: 'RED', tags: ['x'] }
const error = { message: 'no', path: ['part'], extensions: { code: 'NOT_FOUND' } }

describe('a result', () => {
  it.each([
    ['a value', asked, { data: { part } }],
    ['null with its error', asked, { data: { part: null }, errors: [error] }],
    ['null where there is nothing', asked, { data: { part: null } }],
    ['a refusal', asked, { errors: [{ message: 'no', extensions: { code: 'FORBIDDEN' } }] }],
    ['an alias', { query: '{ a: __typename }' }, { data: { a: 'Query' } }],
    ['nothing of what is left out', { query: '{ a: __typename @skip(if: true) }' }, { data: {} }],
    [
      'what a variable includes',
      {
        query: 'query ($v: Boolean!) { ...F @include(if: $v) } fragment F on Query { parts { id } }',
        variables: { v: true },
      },
      { data: { parts: [{ id: '1' }] } },
    ],
    ['the schema', { query: '{ __type(name: "Part") { kind } }' }, { data: { __type: { kind: 'OBJECT' } } }],
  ])('passes: %s', (_name, asked, result) => {
    expect(checkResult(schema, asked, result)).toEqual([])
  })

  const withPart = (more: object) => ({ data: { part: { ...part, ...more } } })
  it.each<[string, Parameters<typeof checkResult>[1], unknown, RegExp]>([
    ['a list', asked, [], /no object/],
    ['nothing', asked, {}, /neither data nor errors/],
    ['more than a result', asked, { data: { part }, debug: 1 }, /"debug"/],
    ['a key that nobody asked for', asked, withPart({ secret: 1 }), /keys/],
    ['a key that is missing', asked, { data: { part: { id: '1' } } }, /keys/],
    [
      'keys in another order',
      { query: '{ a: __typename b: __typename }' },
      { data: { b: 'Query', a: 'Query' } },
      /keys/,
    ],
    ['null that must not be', asked, withPart({ colour: null }), /colour is null/],
    ['null in a list', asked, withPart({ tags: [null] }), /tags\[0\] is null/],
    ['no list', asked, withPart({ tags: 'x' }), /no list/],
    ['a name that the enum has not', asked, withPart({ colour: 'BLUE' }), /no Colour/],
    ['an id that is a number', asked, withPart({ id: 1 }), /no ID/],
    ['a text that is an object', asked, withPart({ name: {} }), /no String/],
    [
      'a quantity below zero',
      { query: '{ parts { count } }' },
      { data: { parts: [{ count: -1 }] } },
      /no Quantity/,
    ],
    [
      'a day for a moment',
      { query: '{ parts { madeAt } }' },
      { data: { parts: [{ madeAt: '2026-01-01' }] } },
      /no DateTime/,
    ],
    ['another type', { query: '{ __typename }' }, { data: { __typename: 'Part' } }, /is not Query/],
    ['data for nothing', undefined, { data: {} }, /asks for nothing/],
    ['data for what cannot be parsed', { query: '{' }, { data: {} }, /cannot be parsed/],
    ['data for what is not valid', { query: '{ nope }' }, { data: { nope: 1 } }, /not valid/],
    [
      'data for variables that do not fit',
      { query: 'query ($v: ID!) { part(id: $v) { id } }' },
      { data: { part: null } },
      /do not fit/,
    ],
    [
      'data for another operation',
      { query: '{ __typename }', operationName: 'A' },
      { data: {} },
      /there is not/,
    ],
    ['null and no reason', asked, { data: null }, /does not say why/],
    ['no errors in a list of them', asked, { errors: [] }, /no list/],
    ['an error without a message', asked, { errors: [{ extensions: { code: 'FORBIDDEN' } }] }, /no message/],
    ['an error without a code', asked, { errors: [{ message: 'x' }] }, /code undefined/],
    [
      'a bug',
      asked,
      { errors: [{ message: 'x', extensions: { code: 'INTERNAL_SERVER_ERROR' } }] },
      /INTERNAL/,
    ],
    [
      'a service that is away',
      asked,
      { errors: [{ message: 'x', extensions: { code: 'UNAVAILABLE' } }] },
      /UNAVAILABLE/,
    ],
    ['a stack', asked, { errors: [{ ...error, stack: 'x' }] }, /"stack"/],
    [
      'more in its extensions',
      asked,
      { errors: [{ ...error, extensions: { code: 'FORBIDDEN', exception: {} } }] },
      /"exception"/,
    ],
    ['an error of what has a value', asked, { data: { part }, errors: [error] }, /has a value/],
    [
      'an error of no field beside data',
      asked,
      { data: { part }, errors: [{ ...error, path: undefined }] },
      /no field/,
    ],
    ['a place that is none', asked, { errors: [{ ...error, locations: [{ line: 0 }] }] }, /locations/],
  ])('is found: %s', (_name, asked, result, fault) => {
    expect(checkResult(schema, asked, result).join('\n')).toMatch(fault)
  })
})

const JSON_TYPE = 'application/json; charset=utf-8'
const answerOf = (status: number, type: string, text: string, isCut = false): Answer => {
  return { status, headers: { 'content-type': type }, text, isCut }
}

describe('an answer of GraphQL', () => {
  const post = {
    method: 'POST',
    path: '/graphql',
    headers: {},
    body: JSON.stringify({ query: '{ __typename }' }),
  }
  const DATA = '{"data":{"__typename":"Query"}}'
  const REFUSED = '{"errors":[{"message":"x","extensions":{"code":"FORBIDDEN"}}]}'
  const event = (result: string) => `:\n\nevent: next\ndata: ${result}\n\n`
  const END = 'event: complete\ndata:\n\n'

  it.each([
    answerOf(200, JSON_TYPE, DATA),
    answerOf(400, 'application/graphql-response+json; charset=utf-8', REFUSED),
    answerOf(200, 'text/event-stream', event(DATA) + END),
    answerOf(200, 'text/event-stream', event(DATA), true),
  ])('passes: %j', (answer) => {
    expect(checkGraphqlAnswer(schema, post, answer).faults).toEqual([])
  })

  it.each([
    [answerOf(500, JSON_TYPE, REFUSED), /status 500/],
    [answerOf(503, JSON_TYPE, REFUSED), /status 503/],
    [answerOf(400, JSON_TYPE, DATA), /data and the status 400/],
    [
      answerOf(200, 'application/graphql-response+json; charset=utf-8', REFUSED),
      /no data and the status 200/,
    ],
    [answerOf(200, 'text/html', DATA), /type text\/html/],
    [answerOf(400, JSON_TYPE, ''), /not JSON/],
    [answerOf(200, 'text/event-stream', event(DATA)), /without being complete/],
    [answerOf(200, 'text/event-stream', END + event(DATA)), /goes on/],
    [answerOf(200, 'text/event-stream', `event: oops\n\n${END}`), /oops/],
    [answerOf(200, 'text/event-stream', `${event('{"data":{}}')}${END}`), /keys/],
  ] as const)('is found: %j', (answer, fault) => {
    expect(checkGraphqlAnswer(schema, post, answer).faults.join('\n')).toMatch(fault)
  })

  it('is found where a GET changed something', () => {
    const call = {
      method: 'GET',
      path: `/graphql?query=${encodeURIComponent('mutation { __typename }')}`,
      headers: {},
    }
    const answer = answerOf(200, JSON_TYPE, '{"data":{"__typename":"Mutation"}}')
    expect(checkGraphqlAnswer(schema, call, answer).faults).toEqual(['has data for a mutation by GET'])
  })
})

describe('an answer of REST', () => {
  const text = { type: 'string' }
  const schemas = {
    Part: { type: 'object', properties: { id: text }, required: ['id'] },
    Problem: { type: 'object', properties: { status: { type: 'integer' } }, required: ['status'] },
  }
  const content = (type: string, name: string) => ({
    content: { [type]: { schema: { $ref: `#/components/schemas/${name}` } } },
  })
  const get = {
    operationId: 'getPart',
    responses: {
      200: { ...content('application/json', 'Part'), headers: { ETag: text } },
      404: content('application/problem+json', 'Problem'),
    },
  }
  const check = new RestCheck({ paths: { '/parts/{id}': { get } }, components: { schemas } })
  const found = (method: string, path: string, answer: Answer) =>
    check.check({ method, path, headers: {} }, answer).faults.join('\n')
  const PROBLEM = 'application/problem+json; charset=utf-8'
  const part = {
    ...answerOf(200, JSON_TYPE, '{"id":"1"}'),
    headers: { 'content-type': JSON_TYPE, etag: 'x' },
  }

  it('passes where it is as described', () => {
    expect(found('GET', '/parts/1?x=1', part)).toBe('')
    expect(found('GET', '/parts/1', answerOf(404, PROBLEM, '{"status":404}'))).toBe('')
    expect(found('GET', '/nothing', answerOf(404, PROBLEM, '{"status":404}'))).toBe('')
    expect(found('HEAD', '/parts/1', answerOf(200, JSON_TYPE, ''))).toBe('')
  })

  it.each<[string, string, string, Answer, RegExp]>([
    ['a bug', 'GET', '/parts/1', answerOf(500, PROBLEM, '{"status":500}'), /status 500/],
    [
      'a status that is not described',
      'GET',
      '/parts/1',
      answerOf(418, PROBLEM, '{"status":418}'),
      /not described/,
    ],
    [
      'another type',
      'GET',
      '/parts/1',
      { ...part, headers: { etag: 'x', 'content-type': 'text/plain' } },
      /type text/,
    ],
    ['a header that is missing', 'GET', '/parts/1', answerOf(200, JSON_TYPE, '{"id":"1"}'), /no ETag/],
    ['another shape', 'GET', '/parts/1', { ...part, text: '{"id":1}' }, /not as described/],
    [
      'more than is described',
      'GET',
      '/parts/1',
      { ...part, text: '{"id":"1","secret":1}' },
      /unrecognized_keys/,
    ],
    ['what is not JSON', 'GET', '/parts/1', { ...part, text: '<html>' }, /not JSON/],
    ['another status within', 'GET', '/parts/1', answerOf(404, PROBLEM, '{"status":400}'), /another status/],
    ['a path that is none', 'GET', '/nothing', part, /no operation/],
    [
      'a method without what is allowed',
      'PUT',
      '/parts/1',
      answerOf(405, PROBLEM, '{"status":405}'),
      /allowed/,
    ],
    ['a body of a HEAD', 'HEAD', '/parts/1', part, /has a body/],
  ])('is found: %s', (_name, method, path, answer, fault) => {
    expect(found(method, path, answer)).toMatch(fault)
  })
})

it.each([
  'Invalid `prisma.order.findMany()` invocation',
  'error: relation "orders" does not exist',
  'select id from orders where id = $1',
  'duplicate key value violates unique constraint "orders_pkey"',
  'postgresql://holdfast@db:5432/holdfast',
  'connect ECONNREFUSED 10.0.0.1:5432',
  '    at Object.query (/srv/app.js:1:2)',
  '    at async file:///srv/app/src/server.ts:10:20',
  'node:internal/process/task_queues',
  '/tmp/holdfast/.data',
  'TypeError: x is not a function',
  'FST_ERR_VALIDATION',
  'a planted secret',
])('a leak is found: %s', (text) => {
  const secrets = ['a planted secret']
  expect(findLeaks(answerOf(200, JSON_TYPE, JSON.stringify({ text })), secrets)).not.toEqual([])
  expect(findLeaks({ ...answerOf(200, JSON_TYPE, ''), headers: { 'x-trace': text } }, secrets)).not.toEqual(
    [],
  )
})
