import { type GraphQLSchema, OperationTypeNode, parse } from 'graphql'
import { type Asked, checkResult } from './check-result.ts'
import type { Answer, Call } from './send.ts'

const JSON_TYPE = 'application/json; charset=utf-8'
const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'
const STREAM_TYPE = 'text/event-stream'

export type GraphqlVerdict = {
  faults: string[]
  /** Whether the operation was run. */
  isRun: boolean
  /** What was run and came to something, as `Type.field`. */
  reached: ReadonlySet<string>
  /** Codes of the errors. */
  codes: string[]
}

/** What is wrong with an answer to a call of GraphQL. */
export function checkGraphqlAnswer(schema: GraphQLSchema, call: Call, answer: Answer): GraphqlVerdict {
  const { status, headers, text, isCut } = answer
  const type = headers['content-type']
  const faults: string[] = []
  const verdict = { faults, isRun: false, reached: new Set<string>(), codes: [] as string[] }
  if (status >= 500) faults.push(`has the status ${status}`)
  if (call.method !== 'GET' && call.method !== 'POST') return verdict
  const results = type === STREAM_TYPE ? readEvents(text, isCut, faults) : [readJson(text, faults)]
  const asked = readAsked(call)
  for (const result of results) {
    const { data, errors } = (result ?? {}) as {
      data?: unknown
      errors?: { extensions?: { code?: unknown } }[]
    }
    faults.push(...checkResult(schema, asked, result, (coordinate) => verdict.reached.add(coordinate)))
    if (data !== undefined) verdict.isRun = true
    if (Array.isArray(errors)) verdict.codes.push(...errors.map((error) => String(error?.extensions?.code)))
  }
  if (type !== STREAM_TYPE && type !== JSON_TYPE && type !== RESPONSE_TYPE)
    faults.push(`has the type ${type}`)
  if (verdict.isRun && status !== 200) faults.push(`has data and the status ${status}`)
  if (type === RESPONSE_TYPE && !verdict.isRun && status < 400)
    faults.push(`has no data and the status ${status}`)
  if (verdict.isRun && call.method === 'GET' && operationOf(asked) === OperationTypeNode.MUTATION)
    faults.push('has data for a mutation by GET')
  return verdict
}

function readJson(text: string, faults: string[]): unknown {
  try {
    return JSON.parse(text)
  } catch {
    faults.push('is not JSON')
    return undefined
  }
}

/** The results in a stream of server-sent events, which ends with `complete` unless we left. */
function readEvents(text: string, isCut: boolean, faults: string[]): unknown[] {
  const blocks = text.split('\n\n')
  const rest = blocks.pop()
  if (!isCut && rest !== '') faults.push('breaks off within an event')
  const results: unknown[] = []
  let isComplete = false
  for (const block of blocks) {
    // an id by which a client goes on later may stand before what it is of
    const lines = block.split('\n').filter((line) => line !== '' && !/^(:|id: \w+$)/.test(line))
    if (lines.length === 0) continue
    if (isComplete) faults.push('goes on after it was complete')
    if (lines[0] === 'event: complete') isComplete = true
    else if (lines.length === 2 && lines[0] === 'event: next' && lines[1]!.startsWith('data: '))
      results.push(readJson(lines[1]!.slice('data: '.length), faults))
    else faults.push(`has the event ${JSON.stringify(block)}`)
  }
  if (!isCut && !isComplete) faults.push('ends without being complete')
  return results
}

/** What a call asks for: from what is sent, and not from what its generator meant. */
function readAsked({ method, path, body = '' }: Call): Asked {
  if (method === 'GET') {
    const search = new URL(path, 'http://host').searchParams
    const { query, variables, operationName } = Object.fromEntries(search)
    return query === undefined ? undefined : { query, variables: parsed(variables || 'null'), operationName }
  }
  const request = parsed(body) as Partial<NonNullable<Asked>> | null | undefined
  if (typeof request?.query !== 'string') return undefined
  return request as Asked
}

function parsed(text: string): unknown {
  try {
    // a mark of the byte order is no part of the text
    return JSON.parse(text.replace(/^\ufeff/, ''))
  } catch {
    return undefined
  }
}

function operationOf(asked: Asked): OperationTypeNode | undefined {
  for (const definition of parse(asked!.query).definitions) {
    if ('operation' in definition) return definition.operation as OperationTypeNode
  }
  return undefined
}
