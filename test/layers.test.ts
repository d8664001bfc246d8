import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, normalize } from 'node:path'
import { expect, test } from 'vitest'

// Which way imports go, types included. A room may import what stands above it and is named in its line, and nothing else.

/** Each room, and the rooms, files and packages that it may import; `node` is Node's own modules. */
const ROOMS: Record<string, readonly string[]> = {
  'limits.ts': [],
  'call-at.ts': [],
  'cursor.ts': [],
  generated: [],
  domain: [],
  outgoing: ['node'],
  shapes: ['domain', 'zod'],
  sql: ['domain', 'node', 'pg'],
  database: ['limits.ts', 'domain', 'sql', 'node', 'pg', 'pino', 'graphile-worker'],
  feed: ['limits.ts', 'call-at.ts', 'cursor.ts', 'domain', 'sql', 'database', 'node', 'pg', 'pino', 'uuid'],
  'use-cases': ['limits.ts', 'domain', 'sql', 'database', 'node', 'pg', 'uuid', 'zod'],
  'rate-limit': ['limits.ts', 'domain', 'ioredis', 'pino', 'rate-limiter-flexible'],
  supplier: ['domain', 'outgoing', 'node', 'cockatiel', 'fastify', 'undici', 'zod'],
  webhooks: ['limits.ts', 'domain', 'outgoing', 'node', 'undici'],
  tasks:
    `limits.ts domain shapes sql database use-cases supplier webhooks node graphile-worker pg pino zod`.split(
      ' ',
    ),
  schema:
    `limits.ts cursor.ts generated domain feed use-cases node graphql uuid @pothos/core @pothos/plugin-complexity
    @pothos/plugin-prisma @pothos/plugin-relay @pothos/plugin-scope-auth @pothos/plugin-tracing`.split(/\s+/),
  http: `limits.ts call-at.ts cursor.ts domain shapes database feed use-cases supplier schema node package.json @fastify/swagger
    @fastify/swagger-ui @graphql-yoga/render-graphiql @pothos/plugin-complexity csv-parse csv-stringify fastify fastify-type-provider-zod graphql
    graphql-http graphql-ws graphql-yoga jose negotiator pino prom-client ws zod`.split(/\s+/),
  // it hears of all that the others do, and implements what they declare
  observability:
    `limits.ts domain sql database feed use-cases rate-limit supplier tasks schema http node graphql pg pino
    prom-client @opentelemetry/api @opentelemetry/context-async-hooks @opentelemetry/core
    @opentelemetry/exporter-trace-otlp-proto @opentelemetry/instrumentation-http @opentelemetry/instrumentation-pg
    @opentelemetry/instrumentation-undici @opentelemetry/resources @opentelemetry/sdk-trace`.split(/\s+/),
  config: ['domain', 'database', 'observability', 'node', 'zod'],
  start: ['config', 'node'],
  'embedded-postgres': ['database', 'start', 'node', 'pg'],
  demo: ['domain', 'use-cases', 'graphql', 'graphql-ws', 'node'],
  client: ['observability', 'config', 'node'],
  'create-app.ts':
    `limits.ts generated domain outgoing database feed use-cases rate-limit tasks http observability
    @prisma/adapter-pg pg pino`.split(/\s+/),
  'token.ts': ['domain', 'observability', 'config', 'jose', 'node'],
  'demo.ts': ['observability', 'demo', 'client', 'node'],
  'import.ts': ['client', 'node'],
  'export.ts': ['client', 'node'],
  'reconcile.ts': ['sql', 'database', 'use-cases', 'observability', 'config', 'create-app.ts'],
  'server.ts':
    `limits.ts database rate-limit use-cases supplier webhooks tasks http observability config start embedded-postgres demo
    create-app.ts node pino`.split(/\s+/),
}

/** Files of one name that are of one subject, each in its room. */
const NAMESAKES = [
  'dead-letter.ts',
  'order-line.ts',
  'order.ts',
  'reconcile.ts',
  'reserve-inventory.ts',
  'serve-waiting.ts',
  'service-status.ts',
]

/** The most files of a folder; of metrics, and of verbs of an order, each is one subject, and all have one form. */
const FILES_MAX = 12
const FILES_MAX_OF: Record<string, number> = { 'observability/metrics': 15, 'domain/orders/verbs': 15 }

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts') && !file.startsWith('generated/'))

/** `from '…'` of an import or export, `import '…'` and `import('…')`. */
const IMPORTS = /^(?:import|export)\b(?:[^'";=]*\bfrom)?\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm

/** What a file imports, as written, and the room or the package that it is from. */
function importsOf(file: string): { name: string; source: string }[] {
  return [...readFileSync(join('src', file), 'utf8').matchAll(IMPORTS)].map((match) => {
    const name = match[1] ?? match[2]!
    return { name, source: sourceOf(file, name) }
  })
}

function sourceOf(file: string, name: string): string {
  if (name.startsWith('node:')) return 'node'
  if (name.startsWith('.')) return roomOf(normalize(join(dirname(file), name)).replaceAll('\\', '/'))
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/')
}

function roomOf(file: string): string {
  return file.replace(/^(\.\.\/)+/, '').split('/')[0]!
}

test('each file is in a room, and imports what its room may', () => {
  const wrong = files.flatMap((file) => {
    const room = roomOf(file)
    const allowed = ROOMS[room]
    if (!allowed) return [`${file} is in no room`]
    return importsOf(file)
      .filter(({ source }) => source !== room && !allowed.includes(source))
      .map(({ name }) => `${file} imports ${name}`)
  })
  expect(wrong).toEqual([])
})

test('a room imports only rooms above it, so that none imports another in a circle', () => {
  const rooms = Object.keys(ROOMS)
  const upwards = rooms.flatMap((room, index) =>
    ROOMS[room]!.filter((imported) => rooms.indexOf(imported) >= index).map(
      (imported) => `${room}: ${imported}`,
    ),
  )
  expect(upwards).toEqual([])
})

test('no room may import what it does not', () => {
  const idle = Object.entries(ROOMS).flatMap(([room, allowed]) => {
    const used = new Set(
      files
        .filter((file) => roomOf(file) === room)
        .flatMap(importsOf)
        .map(({ source }) => source),
    )
    return allowed.filter((name) => !used.has(name)).map((name) => `${room}: ${name}`)
  })
  expect(idle).toEqual([])
})

test('a name tells which file is meant', () => {
  const names = files.map((file) => basename(file))
  const doubles = names.filter((name, index) => names.indexOf(name) !== index)
  expect(doubles.sort()).toEqual(NAMESAKES)
})

test('no folder is a drawer', () => {
  const sizes = Object.groupBy(files, dirname)
  const full = Object.entries(sizes).filter(
    ([folder, inside = []]) => inside.length > (FILES_MAX_OF[folder] ?? FILES_MAX),
  )
  expect(full.map(([folder, inside = []]) => `${folder}: ${inside.length} files`)).toEqual([])
})

test("a constant's name says whose it is", () => {
  const constants = files.flatMap((file) => [
    ...readFileSync(join('src', file), 'utf8').matchAll(/^(?:export )?const ([A-Z\d_]+)\b(.*)$/gm),
  ])
  const distinct = new Set(constants.map(([, name, rest]) => `${name} ${rest!.replaceAll('_', '')}`))
  const names = [...distinct].map((constant) => constant.split(' ')[0]!)
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
})
