import { parse } from 'csv-parse/sync'
import { z } from 'zod'
import { readWait } from '../../src/http/rest/prefer.ts'
import { type JsonSchema, type OpenApi, type Operation, resolve } from './openapi.ts'
import type { Answer, Call } from './send.ts'

const PROBLEM_TYPE = 'application/problem+json'
const EVENT_STREAM = 'text/event-stream'
/** What the service answers that has no operation for a call: no such path, no such method, not to be read at all. */
const NO_OPERATION = [400, 401, 403, 404, 405, 413, 415]
/** What Node itself does not read. */
const UNREAD = [400, 431]

export type RestVerdict = { faults: string[]; operationId: string | undefined }

/** Holds answers against the OpenAPI document. */
export class RestCheck {
  readonly #document: OpenApi
  readonly #schemas = new Map<JsonSchema, z.ZodType>()
  readonly #problem: JsonSchema

  constructor(document: OpenApi) {
    this.#document = document
    this.#problem = { $ref: '#/components/schemas/Problem' }
  }

  /** What is wrong with an answer to a call of REST. */
  check(call: Call, answer: Answer): RestVerdict {
    const { status, text } = answer
    const operation = this.#find(call)
    const operationId = operation?.operationId
    if (status >= 500) return { faults: [`has the status ${status}`], operationId }
    if (call.method === 'HEAD') return { faults: text === '' ? [] : ['has a body'], operationId }
    if (call.method === 'OPTIONS' && status === 204)
      return { faults: answer.headers.allow ? [] : ['does not say what is allowed'], operationId }
    if (!operation) return { faults: this.#checkRefusal(answer), operationId }
    const response = operation.responses[status]
    if (!response) return { faults: [`has the status ${status}, which is not described`], operationId }
    const faults = Object.keys(response.headers ?? {}).flatMap((name) => {
      const isDue = name !== 'Preference-Applied' || readWait(call.headers.prefer) !== undefined
      const isThere = answer.headers[name.toLowerCase()] !== undefined
      return isThere === isDue ? [] : [`has ${isThere ? 'a' : 'no'} ${name}`]
    })
    // one of these, or the first is expected
    const media = Object.entries(response.content ?? {})
    const [type, { schema }] = media.find(([type]) => typeOf(answer) === type) ?? media[0]!
    if (type === 'text/csv') return { faults: [...faults, ...checkCsv(answer)], operationId }
    return { faults: [...faults, ...this.#checkBody(type, schema, answer)], operationId }
  }

  #checkRefusal(answer: Answer): string[] {
    if (!NO_OPERATION.includes(answer.status)) return [`has the status ${answer.status} and no operation`]
    const faults = this.#checkBody(PROBLEM_TYPE, this.#problem, answer)
    if (answer.status === 405 && !answer.headers.allow) faults.push('does not say what is allowed')
    return faults
  }

  #checkBody(type: string, schema: JsonSchema, answer: Answer): string[] {
    const { status, headers, text } = answer
    if (UNREAD.includes(status) && text === '' && headers.connection === 'close') return []
    const faults: string[] = []
    if (typeOf({ headers }) !== type) faults.push(`has the type ${headers['content-type']}`)
    const texts = type === EVENT_STREAM ? readEvents(answer, faults) : [text]
    return [...faults, ...texts.flatMap((one) => this.#checkJson(type, schema, status, one))]
  }

  #checkJson(type: string, schema: JsonSchema, status: number, text: string): string[] {
    const faults: string[] = []
    let body: unknown
    try {
      body = JSON.parse(text)
    } catch {
      return ['is not JSON']
    }
    const { success, data, error } = this.#schemaOf(schema).safeParse(body)
    if (!success) return [...faults, `is not as described: ${JSON.stringify(error.issues)}`]
    if (type === PROBLEM_TYPE && data !== null && (data as { status: number }).status !== status)
      faults.push('has another status in its body')
    return faults
  }

  #schemaOf(schema: JsonSchema): z.ZodType {
    const known = this.#schemas.get(schema)
    if (known) return known
    const made = z.fromJSONSchema(closed(resolve(this.#document, schema)))
    this.#schemas.set(schema, made)
    return made
  }

  /** The operation that a call is of. */
  #find({ method, path }: Call): Operation | undefined {
    const pathname = pathOf(path)
    // a path without parameters is not another's parameter
    const paths = Object.entries(this.#document.paths).sort(([one], [other]) => countOf(one) - countOf(other))
    for (const [template, methods] of paths) {
      const pattern = new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]*')}$`)
      if (pattern.test(pathname)) return methods[method.toLowerCase()]
    }
    return undefined
  }
}

/** Each event of a stream is a body; while nothing happens there is none. Whoever leaves may do so within an event. */
function readEvents({ text, isCut }: Answer, faults: string[]): string[] {
  const events = text.split('\n\n')
  const rest = events.pop()
  if (!isCut && rest !== '') faults.push('breaks off within an event')
  return events.flatMap((event) => /^data: (.*)$/m.exec(event)?.[1] ?? [])
}

function countOf(template: string): number {
  return template.split('{').length - 1
}

function typeOf({ headers }: Pick<Answer, 'headers'>): string | undefined {
  return headers['content-type']?.replace('; charset=utf-8', '')
}

/** What is wrong with rows of CSV: each is to have as many cells as the first. */
function checkCsv(answer: Answer): string[] {
  const faults = typeOf(answer) === 'text/csv' ? [] : [`has the type ${answer.headers['content-type']}`]
  try {
    parse(answer.text)
  } catch (error) {
    faults.push(`is not CSV: ${(error as Error).message}`)
  }
  return faults
}

/** The path that a target names, in whichever of HTTP's forms: with dot segments, slashes too many, letters in percent-encoding. */
function pathOf(target: string): string {
  const url = target.startsWith('/') ? new URL(`http://host/.${target}`) : new URL(target, 'http://host')
  const decoded = url.pathname.replace(/%(2d|2e|5f|7e|3\d|[46][1-9a-f]|[57][0-9a])/gi, decodeURIComponent)
  return decoded.replace(/\/{2,}/g, '/').replace(/(?<=.)\/$/, '')
}

/** The schema of what has nothing but what it describes: clients are to let more pass, a test is not. */
function closed(schema: JsonSchema): z.core.JSONSchema.JSONSchema {
  return JSON.parse(
    JSON.stringify(schema, (_, value) =>
      value?.type === 'object' ? { ...value, additionalProperties: false } : value,
    ),
  )
}
