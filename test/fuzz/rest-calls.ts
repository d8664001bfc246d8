import type { Choices } from './choices.ts'
import { type JsonSchema, type OpenApi, type Operation, type Parameter, resolve } from './openapi.ts'
import { generateSurroundings, type Surroundings } from './surroundings.ts'
import { anyJson, type Corpus, damage, HOSTILE_NUMBERS, HOSTILE_STRINGS } from './values.ts'

/** What undici sends and Node's parser takes, and what no path takes. */
const METHODS = ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD', 'PROPFIND', 'QUERY', 'SEARCH']

const CONTENT_TYPES = [
  'application/json; charset=utf-8',
  'application/json; charset=utf-16',
  'application/JSON',
  'text/csv',
  'application/problem+json',
  'application/jsonp',
  'text/plain',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'nonsense',
  '/',
]

/** A call of REST: most of the time one that the document describes, else one that is damaged somewhere. */
export function generateRestCall(choices: Choices, document: OpenApi, corpus: Corpus): Surroundings {
  const operations = Object.entries(document.paths).flatMap(([template, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ template, method, operation })),
  )
  const { template, method, operation } = choices.pick(operations)
  const surroundings = generateSurroundings(choices, corpus)
  const parameters = (operation.parameters ?? []).filter(
    (parameter) => parameter.required || parameter.in === 'path' || choices.oneIn(2),
  )
  const headers: Record<string, string> = { accept: 'application/json', ...surroundings.headers }
  for (const { name, schema } of parameters.filter((parameter) => parameter.in === 'header'))
    headers[name] = asHeader(writeParameter(choices, ownKey(corpus, template, name), schema, corpus))
  const body = writeBody(choices, document, operation, corpus)
  const [bodyType = 'application/json'] = Object.keys(operation.requestBody?.content ?? {})
  if (body !== undefined && !choices.oneIn(30)) headers['content-type'] = bodyType
  if (choices.oneIn(30)) headers['content-type'] = choices.pick(CONTENT_TYPES)
  return {
    ...surroundings,
    method: choices.oneIn(25) ? choices.pick(METHODS) : method.toUpperCase(),
    path: writePath(choices, template, parameters, corpus),
    headers,
    body,
  }
}

function writePath(
  choices: Choices,
  template: string,
  parameters: readonly Parameter[],
  corpus: Corpus,
): string {
  const path = template.replaceAll(/\{(\w+)\}/g, (_, name) => {
    const { schema } = parameters.find((parameter) => parameter.name === name)!
    return encode(writeParameter(choices, ownKey(corpus, template, name), schema, corpus))
  })
  const search = parameters
    .filter((parameter) => parameter.in === 'query')
    .flatMap(({ name, schema }) => {
      const times = choices.oneIn(30) ? 2 : 1
      return Array.from({ length: times }, () => {
        return `${name}=${encode(writeParameter(choices, ownKey(corpus, template, name), schema, corpus))}`
      })
    })
  if (choices.oneIn(30)) search.push(`${encode(choices.pick(HOSTILE_STRINGS))}=1`)
  const odd = choices.oneIn(40) ? choices.pick(['/', '/..%2f', '%00', '%zz', ';a=b', '//', '/%2e%2e/x']) : ''
  return `${path}${odd}${search.length > 0 ? `?${search.join('&')}` : ''}`
}

/** Under which name the corpus has values of a parameter: of this path alone, or of any. */
function ownKey(corpus: Corpus, template: string, name: string): string {
  const own = `${template} ${name}`
  return corpus[own] ? own : name
}

/** As it is, where it must be written in ASCII. */
function encode(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

/** What a header may be: Node takes no other, and neither would it let us send it. */
function asHeader(value: string): string {
  return value.replaceAll(/[^\t\x20-\xff]/g, '?')
}

function writeParameter(choices: Choices, name: string, schema: JsonSchema, corpus: Corpus): string {
  return String(generate(choices, schema, name, corpus))
}

function writeBody(
  choices: Choices,
  document: OpenApi,
  { requestBody }: Operation,
  corpus: Corpus,
): string | undefined {
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? []
  if (type === 'text/csv') return writeCsv(choices, corpus)
  if (!media) return choices.oneIn(30) ? JSON.stringify(anyJson(choices)) : undefined
  const whole = generate(choices, resolve(document, media.schema), '', corpus)
  const text = JSON.stringify(whole) ?? ''
  if (!choices.oneIn(10)) return text
  return choices.weighted<() => string | undefined>([
    [2, () => JSON.stringify(anyJson(choices))],
    [2, () => damage(choices, text)],
    [1, () => JSON.stringify([whole])],
    [1, () => text.replace(/^\{/, '{"__proto__":{"qty":1},')],
    [1, () => text.replace(/"qty":\d+/, '"qty":1e400')],
    [1, () => `\ufeff${text}`],
    [1, () => ''],
    [1, () => undefined],
    [1, () => '['.repeat(20_000)],
    [1, () => JSON.stringify({ sku: 'x'.repeat(100_001) })],
  ])()
}

/** A file of stock, most of the time one whose first row is right. */
function writeCsv(choices: Choices, corpus: Corpus): string {
  const kind = choices.pick(['delta', 'counted'])
  const columns = ['sku', kind, ...['location', 'reason', 'name'].filter(() => choices.oneIn(3))]
  if (choices.oneIn(20)) columns.push(choices.pick(['quantity', 'sku', '', ...HOSTILE_STRINGS]))
  const cellOf = (column: string) => {
    if (choices.oneIn(20)) return choices.pick(HOSTILE_STRINGS)
    if (column === kind) return String(choices.pick([1, -1, 5, 0, '', ...HOSTILE_NUMBERS]))
    return String(choices.pick(Object.hasOwn(corpus, column) ? corpus[column]! : ['', 'x']))
  }
  const quote = (cell: string) => (choices.oneIn(20) ? cell : `"${cell.replaceAll('"', '""')}"`)
  const rows = Array.from({ length: choices.pick([0, 1, 1, 2, 5]) }, () => columns.map(cellOf))
  const text = [columns, ...rows].map((row) => row.map(quote).join(',')).join(choices.pick(['\n', '\r\n']))
  return choices.oneIn(20) ? damage(choices, text) : text
}

/** A value for a schema, most of the time one that it takes. */
function generate(choices: Choices, schema: JsonSchema, name: string, corpus: Corpus): unknown {
  if (choices.oneIn(40)) return anyJson(choices)
  if (schema.properties) {
    // what goes together is in its examples
    const example = schema.examples ? Object.keys(choices.pick(schema.examples) as object) : []
    const usual = [...(schema.required ?? []), ...example]
    const asked = Object.entries(schema.properties).filter(([key]) =>
      usual.includes(key) ? !choices.oneIn(60) : choices.oneIn(example.length > 0 ? 10 : 3),
    )
    const entries = asked.map(([key, property]) => [key, generate(choices, property, key, corpus)])
    if (choices.oneIn(40)) entries.push([choices.pick(HOSTILE_STRINGS), anyJson(choices)])
    return Object.fromEntries(entries)
  }
  if (schema.anyOf) {
    const options = schema.anyOf.filter(({ type }) => type !== 'null' || choices.oneIn(6))
    return generate(choices, choices.pick(options), name, corpus)
  }
  if (schema.type === 'null') return null
  if (schema.items) {
    const length = choices.oneIn(60) ? 101 : choices.pick([1, 1, 2, 3, 0])
    return Array.from({ length }, () => generate(choices, schema.items!, name, corpus))
  }
  const known = corpus[name]
  if (known && !choices.oneIn(8)) return choices.pick(known)
  if (schema.enum) return choices.pick(schema.enum)
  if (schema.type === 'boolean') return choices.oneIn(2)
  if (schema.type === 'integer' || schema.type === 'number') return choices.pick(HOSTILE_NUMBERS)
  return choices.pick([...(schema.examples ?? []), ...HOSTILE_STRINGS])
}
