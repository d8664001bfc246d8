import { type GraphQLSchema, OperationTypeNode } from 'graphql'
import type { Choices } from './choices.ts'
import { generateRequest, type Request } from './graphql-documents.ts'
import { generateSurroundings, type Surroundings } from './surroundings.ts'
import { anyJson, type Corpus, damage, HOSTILE_STRINGS } from './values.ts'

const PATH = '/graphql'
/** Beyond it Node refuses a line before anybody reads it. */
const URL_LENGTH_MAX = 12_000

const ACCEPTED = ['application/json', 'application/graphql-response+json', '*/*'] as const

/** A call of GraphQL: most of the time a request as it should be, else one that is damaged somewhere on its way. */
export function generateGraphqlCall(choices: Choices, schema: GraphQLSchema, corpus: Corpus): Surroundings {
  const kind = choices.weighted([
    [12, OperationTypeNode.QUERY],
    [6, OperationTypeNode.MUTATION],
    [2, OperationTypeNode.SUBSCRIPTION],
  ])
  const request = generateRequest(choices, schema, corpus, kind)
  if (choices.oneIn(10)) request.query = damage(choices, request.query)
  const isStream = choices.oneIn(kind === OperationTypeNode.SUBSCRIPTION ? 2 : 25)
  const accept = isStream ? 'text/event-stream' : choices.pick(ACCEPTED)
  const surroundings = generateSurroundings(choices, corpus)
  const isGet = kind !== OperationTypeNode.MUTATION ? choices.oneIn(4) : choices.oneIn(20)
  if (isGet) return { ...surroundings, ...asGet(choices, request, { accept, ...surroundings.headers }) }
  const headers = { accept, 'content-type': contentType(choices), ...surroundings.headers }
  const method = choices.oneIn(60) ? choices.pick(['PUT', 'DELETE', 'PATCH', 'OPTIONS', 'QUERY']) : 'POST'
  return { ...surroundings, method, path: PATH, headers, body: writeBody(choices, request) }
}

function contentType(choices: Choices): string {
  if (!choices.oneIn(40)) return 'application/json'
  return choices.pick([
    'application/json; charset=utf-8',
    'application/json; charset=utf-16',
    'application/jsonp',
    'application/graphql',
    'application/graphql+json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'nonsense',
  ])
}

function asGet(choices: Choices, request: Request, headers: Record<string, string>) {
  const search = new URLSearchParams({ query: request.query.toWellFormed() })
  if (Object.keys(request.variables).length > 0) search.set('variables', JSON.stringify(request.variables))
  if (request.operationName !== undefined) search.set('operationName', request.operationName)
  if (choices.oneIn(12)) {
    const name = choices.pick(['variables', 'extensions', 'operationName', 'query', 'documentId'])
    const value = choices.oneIn(2) ? JSON.stringify(anyJson(choices)) : choices.pick(HOSTILE_STRINGS)
    search.set(name, value.toWellFormed())
  }
  if (choices.oneIn(60)) search.delete('query')
  const path = `${PATH}?${search}`
  return { method: 'GET', path: path.length > URL_LENGTH_MAX ? PATH : path, headers, body: undefined }
}

/** A request in JSON, or what somebody sends who has it wrong. */
function writeBody(choices: Choices, request: Request): string {
  const whole: Record<string, unknown> = { ...request }
  if (!choices.oneIn(12)) return JSON.stringify(whole)
  return choices.weighted<() => string>([
    [6, () => JSON.stringify({ ...whole, [pickPart(choices)]: anyJson(choices) })],
    [1, () => JSON.stringify({ ...whole, query: undefined })],
    [1, () => JSON.stringify([whole, whole].slice(choices.below(3)))],
    [1, () => JSON.stringify(anyJson(choices))],
    [2, () => damage(choices, JSON.stringify(whole))],
    [1, () => `\ufeff${JSON.stringify(whole)}`],
    [1, () => ''],
    [1, () => '['.repeat(20_000)],
    [1, () => JSON.stringify({ ...whole, extensions: 'x'.repeat(100_001) })],
  ])()
}

function pickPart(choices: Choices): string {
  return choices.pick(['variables', 'query', 'operationName', 'extensions', 'documentId', 'id', '__proto__'])
}
