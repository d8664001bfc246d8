import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { pino } from 'pino'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR, ROLES } from '../../src/domain/caller.ts'
import { reservationJob } from '../../src/domain/upkeep/jobs.ts'
import { cursorOf } from '../../src/feed/stock-cursor.ts'
import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { LEDGER_START } from '../../src/sql/stock/ledger/read-changes.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { failOrders } from '../../src/use-cases/orders/fail-orders.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { execute } from '../support/graphql.ts'
import { createTestApp, eventually, listen, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { withholdJob } from '../support/queue.ts'
import { authorizationOf, bySecret, SECRET } from '../support/tokens.ts'
import { type FilledWebhooks, fillUpkeep, fillWebhooks } from './fill-beside.ts'
import { Sender } from './send.ts'
import { SERVERS, type ServerName } from './surroundings.ts'
import type { Corpus } from './values.ts'

/** Nobody is answered with these. */
const HIDDEN_KEY = 'hidden-idempotency-key'
/** Customers are not answered with these: what is in the ledger, and what is another's. */
const LEDGER_REASON = 'hidden reason in the ledger'
const BOBS_REF = 'hidden-ref-of-bobs'
const NOTE = 'hidden note of an operator'

const LETTERS = 12
const DAY_MS = 24 * 3_600_000

/** The service as it is fuzzed: three servers before one database, with a worker and the simulated supplier. */
export type FuzzServer = {
  senders: Readonly<Record<ServerName, Sender>>
  corpus: Corpus
  /** What this caller of that server must not be told. */
  secretsFrom: (server: ServerName, caller: string) => readonly string[]
  /** What the servers logged as unexpected since they were asked the last time. */
  takeLogged: () => string[]
  close: () => Promise<void>
}

export async function startFuzzServer(): Promise<FuzzServer> {
  const testApp = await createTestApp()
  const logged: string[] = []
  const logger = pino({ level: 'error' }, { write: (line) => void logged.push(line) })
  const watched = { ...testApp, app: { ...testApp.app, logger } }
  const authenticate = createAuthenticate(bySecret, createLogger('silent'))
  const listening = {
    open: await listen(watched),
    guarded: await listen(watched, { authenticate }),
    hidden: await listen(watched, { authenticate, explorer: false }),
  } satisfies Record<ServerName, { http: FastifyInstance; url: string }>
  const filled = await fill(testApp)
  const webhooks = await fillWebhooks(testApp.app, listening.open.url)
  // how long jobs wait is asked as well: one always does
  const holder = new pg.Client({ connectionString: testApp.databaseUrl })
  await holder.connect()
  await withholdJob(holder, reservationJob([{ orderId: filled.orders[0]! }]))
  const worker = await startTestWorker(testApp, { baseUrl: listening.open.url, circuit: () => 'closed' })
  const corpus = {
    ...(await readCorpus(testApp, listening.open.url, filled)),
    ...corpusOf(webhooks),
    ...(await callers()),
  }
  await fillUpkeep(testApp.app, filled.orders)
  const secrets = [SECRET, HIDDEN_KEY, testApp.databaseUrl, new URL(testApp.databaseUrl).pathname.slice(1)]
  const { password } = new URL(testApp.databaseUrl)
  if (password !== '') secrets.push(password)
  return {
    senders: mapServers((name) => new Sender(listening[name].url)),
    corpus,
    secretsFrom: (server, caller) =>
      server !== 'open' && !['operator', 'service'].includes(caller)
        ? [...secrets, LEDGER_REASON, BOBS_REF, NOTE]
        : secrets,
    takeLogged: () => logged.splice(0),
    close: async () => {
      await worker.stop()
      await holder.end()
      for (const { http } of Object.values(listening)) await http.close()
      await testApp.close()
    },
  }
}

function mapServers<Value>(make: (name: ServerName) => Value): Record<ServerName, Value> {
  return Object.fromEntries(SERVERS.map((name) => [name, make(name)])) as Record<ServerName, Value>
}

/** Every role, those who have no valid token, and how often each calls. */
async function callers(): Promise<Corpus> {
  const day = new Date(Date.now() + DAY_MS)
  const authorizations: Record<string, string> = Object.fromEntries(
    await Promise.all(ROLES.map(async (role) => [role, await authorizationOf('alice', role, day)] as const)),
  )
  const valid = authorizations.operator!
  Object.assign(authorizations, {
    'an expired token': await authorizationOf('alice', 'operator', new Date(0)),
    'another role': await authorizationOf('alice', 'admin' as 'operator', day),
    'another signature': `${valid.slice(0, -6)}AAAAAA`,
    'no algorithm': `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${valid.split('.')[1]}.`,
    'no token': 'Bearer',
    'another scheme': 'Basic YWxpY2U6czNjcmV0',
    nonsense: 'Bearer a.b.c',
    'a long token': `Bearer ${'x'.repeat(9_000)}`,
  })
  const refused = Object.keys(authorizations).filter((name) => !(ROLES as readonly string[]).includes(name))
  const often = (name: string, times: number) => Array.from({ length: times }, () => name)
  return {
    caller: [
      ...often('operator', 24),
      ...often('service', 10),
      ...often('customer', 14),
      'nobody',
      ...refused,
    ],
    ...Object.fromEntries(
      Object.entries(authorizations).map(([name, value]) => [`authorization of ${name}`, [value]]),
    ),
  }
}

const SKUS = ['GIZMO', 'BOLT', 'NUT-OK', 'NUT-FAIL', 'NUT-LATE', 'NUT-REFUSED', 'NUT-DOWN', 'NUT-DELAYED']
/** Some come again often, most do not. */
const KEYS = ['key-1', 'key-2', 'key-3', ...Array.from({ length: 300 }, (_, n) => `other-key-${n}`)]
const LOCATIONS = ['EAST', 'WEST']
/** Ordered so often, by each customer: verbs use orders up. */
const LARGE_ORDERS = 40
const SHIPPED_ORDERS = 20
/** Held so often, by each customer: those that are confirmed are holds no more. */
const HOLDS = 120
const HOLD_SECONDS = 3_600
const LARGE_ORDER: [string, number][] = [
  ['GIZMO', 500_000],
  ['BOLT', 500],
  ['NUT-OK', 3],
]
/** Nothing ever comes here. */
const EMPTY_LOCATION = 'EMPTY'
const UNFINISHED =
  "select 1 from orders where status in ('PENDING', 'AWAITING_RESTOCK') and if_short = 'ASK_SUPPLIER'"

/** Orders that there are when fuzzing begins. */
type Filled = { orders: string[]; holds: string[] }

/** Puts something into every table, before there is a worker. */
async function fill({ app }: TestApp): Promise<Filled> {
  for (const sku of SKUS) await seed(app).item({ sku, available: sku.startsWith('NUT') ? 0 : 2_000_000_000 })
  for (const code of [...LOCATIONS, EMPTY_LOCATION]) await seed(app).location(code)
  await seed(app).location('CLOSED', { isActive: false })
  for (const location of LOCATIONS) await seed(app).stock({ sku: 'GIZMO', location, qty: 1_000_000_000 })
  await app.pool.query('update inventory_movements set reason = $1', [LEDGER_REASON])
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'GIZMO', lowStockAt: 1_000n })
  const lost = await Promise.all(Array.from({ length: LETTERS }, () => seed(app).order({ sku: 'BOLT' })))
  const letter = { task: 'reserve-inventory' as const, error: 'it ran out of luck', attempts: 8 }
  await failOrders(
    app,
    lost.map(({ id }) => ({ ...letter, payload: { orderId: id } })),
  )
  const keyed = { sku: 'BOLT', qty: 1, idempotencyKey: HIDDEN_KEY, customerId: null }
  await createOrder(app, LOCAL_OPERATOR, keyed)
  const orders: string[] = []
  const holds: string[] = []
  for (const customerId of ['alice', 'bob', null]) {
    for (const sku of SKUS) orders.push((await seed(app).order({ sku, qty: 2, customerId })).id)
    for (let count = 0; count < LARGE_ORDERS; count++) {
      orders.push((await seed(app).order({ lines: LARGE_ORDER, customerId })).id)
    }
    for (let count = 0; count < HOLDS; count++) {
      holds.push((await seed(app).order({ sku: 'GIZMO', customerId, holdSeconds: HOLD_SECONDS })).id)
    }
  }
  // the age of those that wait is asked as well: one always does
  await seed(app).order({ sku: 'GIZMO', ifShort: 'WAIT', locations: [EMPTY_LOCATION] })
  return { orders, holds }
}

/** Carries orders on once they are reserved: parts of some have come back, and one is cancelled. @returns ids of orders and shipments */
async function carryOn(app: App): Promise<{ shipped: string[]; shipments: string[] }> {
  const { rows } = await app.pool.query<{ id: string }>(
    "select distinct order_id as id from order_lines join orders on orders.id = order_id where order_lines.qty = $1 and customer_id = 'alice'",
    [LARGE_ORDER[0]![1]],
  )
  const [cancelled, ...others] = rows.map(({ id }) => id)
  const results = [await cancelOrder(app, LOCAL_OPERATOR, { id: cancelled!, note: NOTE })]
  const shipped = others.slice(0, SHIPPED_ORDERS)
  for (const id of shipped) {
    const lines = [{ sku: 'GIZMO', qty: 3 }]
    results.push(await shipOrder(app, LOCAL_OPERATOR, { id, lines, reference: 'PARCEL-1' }))
    results.push(await shipOrder(app, LOCAL_OPERATOR, { id, lines, location: 'EAST' }))
    results.push(
      await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'GIZMO', qty: 1 }], note: NOTE }),
    )
  }
  const shipments = results.flatMap(({ shipments, userErrors }) => {
    if (userErrors[0]) throw new Error(userErrors[0].message)
    return shipments.map(({ id }) => id)
  })
  return { shipped, shipments }
}

/** What webhooks are asked for, and created and changed with. */
function corpusOf({ url, webhooks, deliveries, deleted }: FilledWebhooks): Corpus {
  const events = ['stock.out', 'order.expired', 'stock.back', 'no.event']
  const some = [...webhooks, ...webhooks, '01900000-0000-7000-8000-000000000000']
  return {
    'CreateWebhookInput.url': [url, url, 'http://name:word@shop.test', 'shop.test'],
    'CreateWebhookInput.events': events,
    'UpdateWebhookInput.id': deleted,
    'UpdateWebhookInput.url': [url, 'ftp://shop.test'],
    'UpdateWebhookInput.events': events,
    'deleteWebhook id': deleted,
    'rotateWebhookSecret id': some,
    'testWebhook id': some,
    'redeliverWebhooks ids': deliveries,
    'RedeliverGivenUpInput.webhookId': webhooks,
    'RedeliverGivenUpInput.since': ['2026-01-01T00:00:00Z', '2100-01-01T00:00:00.000+01:00', 'yesterday'],
  }
}

/** The names by which what there is can be asked for. */
async function readCorpus({ app }: TestApp, url: string, { orders: ids, holds }: Filled): Promise<Corpus> {
  await eventually(async () => (await app.pool.query(UNFINISHED)).rows.length === 0)
  const { shipped, shipments } = await carryOn(app)
  await app.pool.query(
    "update supplier_requests set ref = $1 where ref is not null and order_id in (select id from orders where customer_id = 'bob')",
    [BOBS_REF],
  )
  const lists = `{ orders { edges { cursor } } inventoryItems { edges { cursor } }
    movements(sku: "GIZMO") { edges { cursor node { id } } } deadLetters { edges { cursor node { id } } } }`
  const { data } = await execute({ url }, lists)
  const edges = Object.values(data as Record<string, { edges: { cursor: string }[] }>).map(
    ({ edges }) => edges,
  )
  const cursors = edges.flatMap((list) => [list[0], list[1], list.at(-1)].map((edge) => edge!.cursor))
  const letters: string[] = data.deadLetters.edges.map(({ node }: { node: { id: string } }) => node.id)
  const movements: string[] = data.movements.edges.map(({ node }: { node: { id: string } }) => node.id)
  const places = ['location:EAST', 'location:NOWHERE', 'level:GIZMO:EAST', 'level:GIZMO:MAIN', 'level:GIZMO']
  const items = ['item:GIZMO', 'item:UNKNOWN']
  const orders = [...ids, '01900000-0000-7000-8000-000000000000', ids[0]!.toUpperCase()]
  const nodes = [...movements.slice(0, 3), ...letters.slice(0, 3), ...shipments, ...items, ...places]
  const ofLedger = await fetch(`${url}/api/inventory/GIZMO/movements?limit=1`)
  const changes = [cursorOf(LEDGER_START), await cursorAfter(app, 1), await cursorAfter(app, 2)]
  const { next_cursor: cursor } = (await ofLedger.json()) as { next_cursor: string }
  return {
    sku: [...SKUS, ...Array.from({ length: 12 }, () => 'GIZMO'), 'BOLT', 'BOLT', 'UNKNOWN', 'gizmo'],
    id: [...orders, ...nodes],
    '/api/orders/{id} id': orders,
    '/api/orders/{id}/cancel id': orders,
    '/api/orders/{id}/ship id': orders,
    // extended as often as it is asked for, while it is not confirmed
    'ConfirmOrderInput.id': [...holds.filter((_, index) => index % 3 > 0), ids[0]!],
    '/api/orders/{id}/confirm id': [...holds.filter((_, index) => index % 3 > 0), ids[0]!],
    'ExtendHoldInput.id': [...holds.filter((_, index) => index % 3 === 0), ids[0]!],
    '/api/orders/{id}/extend id': [...holds.filter((_, index) => index % 3 === 0), ids[0]!],
    'UndoShipmentInput.id': [...shipments, ids[0]!],
    '/api/shipments/{id}/undo id': [...shipments, ids[0]!],
    'ReturnOrderInput.id': [...shipped, ids[0]!],
    '/api/orders/{id}/return id': [...shipped, ids[0]!],
    ids: letters,
    after: cursors,
    'inventoryChanged after': [...changes, ...changes, cursors[0]!],
    'inventoryChanged skus': ['GIZMO', 'BOLT'],
    'inventoryChanged locations': ['MAIN', ...LOCATIONS],
    '/api/inventory/changes sku': ['GIZMO', 'BOLT'],
    '/api/inventory/changes after': [...changes, ...changes, cursors[0]!],
    '/api/inventory/changes last-event-id': [...changes, ...changes, ''],
    before: cursors,
    cursor: [...Array.from({ length: 12 }, () => cursor), ...cursors],
    first: [1, 2, 5, 0, 20, 100, 101, -1],
    last: [1, 2, 5, 0, 20, 100, 101, -1],
    limit: [1, 2, 100, 20],
    afterVersion: [0, 1, 2, 3, -1],
    qty: [1, 2, 3, 1, 2, 3, 1, 2, 1_000_000, 1_000_001, 0],
    delta: [1, -1, 100, -1_000, 2_147_483_647, -2_147_483_648, 0],
    available: [0, 1, 1_000, 2_000_000_000, 2_000_000_001, -1],
    expectedAvailable: [0, 1, 2_000_000_000],
    // none of those whose promises the calls for orders live on
    'CountInput.sku': ['BOLT', 'NUT-OK', 'NUT-FAIL', 'UNKNOWN'],
    counted: [0, 5, 1_000, 2_000_000_000, -1],
    asOf: [...movements.slice(0, 3), '0', 'none'],
    from: [...LOCATIONS, 'MAIN', 'MAIN', 'NOWHERE'],
    to: [...LOCATIONS, 'MAIN', 'CLOSED', 'NOWHERE'],
    name: ['Gizmo', 'Schraube M4 × 20'],
    reason: ['counted', 'broken'],
    code: [...LOCATIONS, 'NEW', 'MAIN', 'no code'],
    priority: [0, 50, 100, 1_000_001],
    location: [...LOCATIONS, 'MAIN', 'MAIN', 'CLOSED', 'NOWHERE'],
    locations: [...LOCATIONS, 'MAIN', 'MAIN', 'CLOSED', 'NOWHERE'],
    reference: ['PARCEL-1'],
    note: ['changed their mind'],
    expectedVersion: [2, 2, 2, 3, 3, 3, 1, 4],
    expected_version: [2, 2, 2, 3, 3, 3, 1, 4],
    disposition: ['RESTOCK', 'DISCARD'],
    holdSeconds: [60, 600, 2_678_400, 0],
    hold_seconds: [60, 600, 2_678_400, 0],
    // short waits: most orders stay PENDING
    waitMs: [0, 0, 1, 5, 20, -1, 10_001],
    prefer: [
      'wait=0',
      'respond-async, wait=0',
      'return=minimal',
      'wait=-1',
      'wait="1"',
      'wait=0; x="',
      'wait',
    ],
    idempotencyKey: KEYS,
    'idempotency-key': KEYS,
    customerId: ['alice', 'bob'],
    customer_id: ['alice', 'bob'],
  }
}
