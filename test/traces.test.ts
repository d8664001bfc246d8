import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { findFreePort } from './support/free-port.ts'
import { subscribeBySse } from './support/graphql.ts'
import { createTestDatabase } from './support/harness.ts'
import { startOtlpReceiver } from './support/otlp-receiver.ts'
import { type Env, Processes, type RunningServer } from './support/server-process.ts'

// as `npm start` runs: what is loaded when, and what becomes of the last spans, is a matter of the process

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c'
/** What is under way has 6.5 s, the last spans 1.5 s, and a process is killed after 10 s. */
const STOP_MAX_MS = 9_000

/** Says so on standard error when anything of OpenTelemetry is loaded; its bare API comes with prom-client. */
const TELL_LOADS = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve(name, context, next) {
      if (/opentelemetry(?!\\/api$)/.test(name)) process.stderr.write('loads ' + name + '\\n')
      return next(name, context)
    },
  })`)}`

const processes = new Processes()
let database: Awaited<ReturnType<typeof createTestDatabase>>
let ends: (() => Promise<unknown>)[]
beforeEach(async () => {
  database = await createTestDatabase()
  ends = [database.drop]
})
afterEach(async () => {
  await processes.end()
  for (const end of ends.toReversed()) await end()
})

const start = (env: Env) =>
  processes.startServer({
    DATABASE_URL: database.databaseUrl,
    SUPPLIER_RECHECK_DELAY_MS: '100',
    NODE_OPTIONS: TELL_LOADS,
    ...env,
  })

/** Orders what only a late supplier has, and waits until it is there. */
async function order({ url }: RunningServer): Promise<void> {
  const call = async (query: string) => {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        traceparent: `00-${TRACE_ID}-b7ad6b7169203331-01`,
      },
      body: JSON.stringify({ query }),
    })
    return ((await response.json()) as { data: { createOrder: { order: { id: string } } } }).data
  }
  await call(
    'mutation { createInventoryItem(input: { sku: "A-LATE", name: "A" }) { inventoryItem { sku } } }',
  )
  const { id } = (await call('mutation { createOrder(input: { sku: "A-LATE", qty: 1 }) { order { id } } }'))
    .createOrder.order
  const view = subscribeBySse({ url }, `subscription { orderStatusChanged(id: "${id}") { status } }`)
  while ((await view.next())?.data.orderStatusChanged.status !== 'RESERVED');
  view.leave()
}

async function expectGoodEnd(server: RunningServer): Promise<string> {
  const startedAt = performance.now()
  const { code, stderr } = await server.end('SIGTERM')
  expect(code).toBe(0)
  expect(performance.now() - startedAt).toBeLessThan(STOP_MAX_MS)
  return stderr
}

describe('a server', () => {
  test('sends its traces where OTEL_EXPORTER_OTLP_ENDPOINT says, the last as it stops', async () => {
    const receiver = await startOtlpReceiver()
    ends.push(receiver.close)
    const server = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-tenant=shop',
    })
    await order(server)
    expect(await expectGoodEnd(server)).toContain('loads @opentelemetry/')
    const { spans, headers, services } = receiver
    expect(new Set(services)).toEqual(new Set(['holdfast']))
    expect(headers[0]).toMatchObject({ 'x-tenant': 'shop', 'content-type': 'application/x-protobuf' })
    const names = spans
      .filter(({ traceId }) => traceId === TRACE_ID)
      .map(({ name }) => name.split(' holdfast_')[0])
    expect(new Set(names)).toEqual(
      new Set([
        'POST /graphql',
        'Mutation.createInventoryItem',
        'transaction create-inventory-item',
        'Mutation.createOrder',
        'createOrder',
        'transaction create-orders',
        'pg-pool.connect',
        'pg.query:insert-orders',
        ...names.filter((name) => name!.startsWith('pg.')),
        'task reserve-inventory',
        'reserveInventory',
        'transaction reserve-inventory',
        'task request-supplier',
        'supplier reserve',
        'POST',
        'POST /supplier/reserve',
        'settleSupplierOutcome',
        'transaction settle-supplier-outcomes',
        'task check-supplier-status',
        'supplier status',
        'GET',
        'GET /supplier/status/:ref',
        'deliver',
      ]),
    )
    // each has its parent, but for the callers' own
    const ids = new Set(spans.map(({ spanId }) => spanId))
    const strays = spans.filter(({ traceId, parentId }) => traceId === TRACE_ID && !ids.has(parentId))
    expect(new Set(strays.map(({ name }) => name))).toEqual(new Set(['POST /graphql']))
  })

  test('goes by what the environment says of its name and of what is recorded', async () => {
    const receiver = await startOtlpReceiver()
    ends.push(receiver.close)
    const server = await start({
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_SERVICE_NAME: 'shop-stock',
      OTEL_TRACES_SAMPLER: 'parentbased_always_off',
    })
    await fetch(`${server.url}/api/orders/0199c0de-0000-7000-8000-000000000001`)
    await order(server)
    await expectGoodEnd(server)
    expect(new Set(receiver.services)).toEqual(new Set(['shop-stock']))
    // what nobody else records
    expect(receiver.spans.map(({ name }) => name)).not.toContain('GET /api/orders/:id')
    expect(receiver.spans.map(({ name }) => name)).toContain('task reserve-inventory')
  })

  test.each([
    ['is away', async () => `http://127.0.0.1:${await findFreePort()}`],
    [
      'takes everything and answers nothing',
      async () => {
        const silent = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1')
        await once(silent, 'listening')
        ends.push(async () => silent.close())
        return `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
      },
    ],
  ])('works, and stops in time, while what its traces go to %s', async (_name, findEndpoint) => {
    const server = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: await findEndpoint() })
    await order(server)
    await expectGoodEnd(server)
  })

  test.each<[string, Env]>([
    ['that nobody asked for traces', {}],
    [
      'that is told not to trace',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1', OTEL_SDK_DISABLED: 'true' },
    ],
  ])('%s loads nothing of OpenTelemetry', async (_name, env) => {
    const server = await start(env)
    await order(server)
    expect(await expectGoodEnd(server)).toBe('')
  })
})

test('a wrong endpoint or sampler stops the start, by its name', async () => {
  const { code, stderr } = await processes.run('src/server.ts', {
    OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4317',
    OTEL_TRACES_SAMPLER: 'sometimes',
    OTEL_TRACES_SAMPLER_ARG: '2',
  }).ended
  expect(code).toBe(1)
  for (const name of ['OTLP_ENDPOINT', 'TRACES_SAMPLER', 'TRACES_SAMPLER_ARG']) expect(stderr).toContain(name)
})
