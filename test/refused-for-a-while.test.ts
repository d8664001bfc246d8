import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ChaosDatabase, startDatabase } from '../chaos/database.ts'
import { startTcpProxy, type TcpProxy } from '../chaos/tcp-proxy.ts'
import { findBreaches } from '../src/sql/upkeep/find-breaches.ts'
import { withDatabase } from './support/database-server.ts'
import { codesOf, subscribeBySse, subscribeByWebSocket } from './support/graphql.ts'
import { eventually } from './support/harness.ts'
import { get, type HttpAnswer, post } from './support/http-answer.ts'
import { Processes, type RunningServer } from './support/server-process.ts'

// One PostgreSQL, behind a proxy, and a process of each role. They have been ready: nothing that is done to the database
// ends one of them, everybody is told UNAVAILABLE meanwhile, and all is as before soon after.

/** From the moment in which the database is as before. Each figure is printed. */
const READY_LIMIT_MS = 10_000
/** The same where a host fell silent: a statement and then a connection, each on its way before, may take its 5 s. */
const READY_AFTER_SILENCE_LIMIT_MS = 20_000
const NAME = 'shop'
const ROLE = 'shopkeeper'

const processes = new Processes()
const servers: RunningServer[] = []
const acknowledged: string[] = []
let database: ChaosDatabase
let proxy: TcpProxy
/** Of the database under test, as a superuser, past the proxy. */
let adminUrl: string
let api: RunningServer
/** Where that proxy is in the way. */
let proxiedUrl: string

beforeAll(async () => {
  database = await startDatabase()
  proxy = await startTcpProxy(database.port, () => ({ toServer: () => true, toClient: () => true }))
  await admin(`create role ${ROLE} login password 'secret'`)
  await admin(`create database ${NAME} owner ${ROLE}`)
  adminUrl = withDatabase(database.url, NAME)
  proxiedUrl = `postgres://${ROLE}:secret@127.0.0.1:${proxy.port}/${NAME}`
  for (const role of ['all', 'worker', 'api']) {
    servers.push(await processes.startServer({ DATABASE_URL: proxiedUrl, ROLE: role }))
  }
  api = servers.at(-1)!
  const query = `mutation { createInventoryItem(input: { sku: "PLENTY", name: "Plenty", available: 1000000 }) { userErrors { code } } }`
  await post(`${api.url}/graphql`, { query })
})
afterAll(async () => {
  for (const server of servers) expect(await server.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  await processes.end()
  await proxy?.close()
  await database?.remove()
})

const TERMINATE = `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast%'`

/** What is done, and how it is undone, on another database of the same server. */
const FAULTS: [string, harm: string[], undo: string[]][] = [
  [
    'is read-only',
    ['alter system set default_transaction_read_only = on', 'select pg_reload_conf()'],
    ['alter system reset default_transaction_read_only', 'select pg_reload_conf()'],
  ],
  [
    'is renamed',
    [
      `alter database ${NAME} allow_connections false`,
      TERMINATE,
      `alter database ${NAME} rename to elsewhere`,
    ],
    [`alter database elsewhere rename to ${NAME}`, `alter database ${NAME} allow_connections true`],
  ],
  [
    'takes no connections',
    [`alter database ${NAME} allow_connections false`, TERMINATE],
    [`alter database ${NAME} allow_connections true`],
  ],
  [
    'takes too many connections',
    [`alter role ${ROLE} connection limit 0`, TERMINATE],
    [`alter role ${ROLE} connection limit -1`],
  ],
  [
    'has another password',
    [`alter role ${ROLE} password 'another'`, TERMINATE],
    [`alter role ${ROLE} password 'secret'`],
  ],
  ['lets the role in no more', [`alter role ${ROLE} nologin`, TERMINATE], [`alter role ${ROLE} login`]],
  [
    'is read-only for this role, on connections that are made then',
    [`alter role ${ROLE} set default_transaction_read_only = on`, TERMINATE],
    [`alter role ${ROLE} reset default_transaction_read_only`],
  ],
]

test.each(FAULTS)('a database that %s', async (_, harm, undo) => {
  await harmAndHeal(
    async () => {
      for (const statement of harm) await admin(statement)
    },
    async () => {
      for (const statement of undo) await admin(statement)
    },
  )
})

/** What is done inside the database, and how it is undone: each in a transaction of its own. */
const FAULTS_WITHIN: [string, harm: string[], undo: string[]][] = [
  [
    'is being restored: the tables are not there',
    [
      'alter schema public rename to public_before; alter schema graphile_worker rename to graphile_worker_before',
    ],
    [
      'alter schema public_before rename to public; alter schema graphile_worker_before rename to graphile_worker',
    ],
  ],
  [
    'has no privileges for the role',
    // connections end once it is committed: one that is made before is another role's
    [`alter role ${ROLE} rename to somebody; create role ${ROLE} login password 'secret'`, TERMINATE],
    [
      `drop role ${ROLE}; alter role somebody rename to ${ROLE}; alter role ${ROLE} password 'secret'`,
      TERMINATE,
    ],
  ],
]

test.each(FAULTS_WITHIN)('a database that %s', async (_, harm, undo) => {
  await harmAndHeal(
    async () => {
      for (const statement of harm) await within(statement)
    },
    async () => {
      for (const statement of undo) await within(statement)
    },
  )
})

test.each(['53100', '53200', '58030', '55P03', '57014'])(
  'a disk, memory or lock that is not to be had for writes (%s)',
  async (sqlstate) => {
    await within(`create function refuse() returns trigger language plpgsql as
      $$ begin raise exception 'not now' using errcode = '${sqlstate}'; end $$;
      create trigger refuse before insert or update on orders execute function refuse()`)
    await expectUnavailable()
    await within('drop trigger refuse on orders; drop function refuse')
    await expectAllWell(performance.now())
  },
)

test('serialization failures and deadlocks of a single statement are tried again', async () => {
  for (const sqlstate of ['40001', '40P01']) {
    await within(`create sequence tries; grant all on sequence tries to public;
      create function refuse() returns trigger language plpgsql as
      $$ begin if nextval('tries') < 3 then raise exception 'once more' using errcode = '${sqlstate}'; end if; return null; end $$;
      create trigger refuse before insert on orders execute function refuse()`)
    expect((await placeOrder()).status).toBe(201)
    await within('drop trigger refuse on orders; drop function refuse; drop sequence tries')
  }
})

test('a host that falls silent and closes nothing: callers are told, and views are right soon after', async () => {
  const watch = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { status version } }'
  // orders whose reservation is held up, so that it comes while the connection that listens hangs
  const holder = new pg.Client({ connectionString: adminUrl })
  holder.on('error', () => {})
  await holder.connect()
  await holder.query('begin; lock table inventory_movements')
  const ids: string[] = []
  for (let count = 0; count < 4; count++) {
    // where nobody works: it is a job that reserves it
    const { body } = await placeOrder(api.url)
    ids.push(String(body.id))
  }
  const views = ids.map((id, index) =>
    (index % 2 === 0 ? subscribeBySse : subscribeByWebSocket)(api, watch, { id }),
  )
  for (const view of views) expect((await view.next())?.data.orderStatusChanged.status).toBe('PENDING')

  proxy.stall(true)
  const frozenAtMs = performance.now()
  await holder.query('commit')
  await holder.end()
  const answers = servers.flatMap(({ url }) => [
    placeOrder(url),
    placeOrder(url),
    get(url, `/api/orders/${ids[0]}`),
  ])
  for (const { status } of await Promise.all(answers)) expect([404, 503]).toContain(status)
  report('all callers were told', frozenAtMs)
  expect(performance.now() - frozenAtMs).toBeLessThan(READY_LIMIT_MS)
  await eventually(async () => {
    const readiness = await Promise.all(servers.map(({ url }) => get(url, '/health/ready')))
    return readiness.every(({ status }) => status === 503)
  })
  // what was connected stays silent; new connections reach a server that answers
  proxy.freezeOpen()
  const backAtMs = performance.now()
  for (const view of views) expect((await view.next())?.data.orderStatusChanged.status).toBe('RESERVED')
  report('all views were right', backAtMs)
  expect(performance.now() - backAtMs).toBeLessThan(READY_LIMIT_MS)
  for (const view of views) view.leave()
  await expectAllWell(backAtMs, READY_AFTER_SILENCE_LIMIT_MS)
})

test('at the end every acknowledged order is reserved, and all adds up', async () => {
  await eventually(async () => {
    const [row] = await within<{ count: number }>(
      `select count(*)::int from orders where status = 'RESERVED' and id = any ('{${acknowledged}}')`,
    )
    return row!.count === acknowledged.length
  })
  const client = new pg.Client({ connectionString: adminUrl })
  await client.connect()
  expect(await findBreaches(client)).toEqual([])
  await client.end()
  expect(await within('select from dead_letters')).toEqual([])
})

test('a start ends at once, with one line, where it is refused from the first', async () => {
  await admin(`alter role ${ROLE} nologin`)
  const { code, stderr } = await processes.run('src/server.ts', { DATABASE_URL: proxiedUrl, PORT: '0' }).ended
  await admin(`alter role ${ROLE} login`)
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: `Holdfast cannot start: role "${ROLE}" is not permitted to log in\n`,
  })
})

test('a start waits while the database is read-only', async () => {
  await admin(`alter role ${ROLE} set default_transaction_read_only = on`)
  const waiting = processes.run('src/server.ts', { DATABASE_URL: proxiedUrl, PORT: '0' })
  await eventually(() => waiting.stdout().includes('start waits for it'))
  await admin(`alter role ${ROLE} reset default_transaction_read_only`)
  await eventually(() => waiting.stdout().includes('/health/ready'))
  expect(await waiting.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
})

async function harmAndHeal(harm: () => Promise<unknown>, heal: () => Promise<unknown>): Promise<void> {
  await harm()
  await expectUnavailable()
  await eventually(async () => {
    const readiness = await Promise.all(servers.map(({ url }) => get(url, '/health/ready')))
    return readiness.every(({ status, retryAfter }) => status === 503 && retryAfter === '1')
  })
  // long enough for what retries with a growing delay, and for what would end a process
  await sleep(3_000)
  await expectUnavailable()
  await heal()
  await expectAllWell(performance.now())
}

/** Every call is answered by 503 UNAVAILABLE, by each process that takes calls, once it has noticed. */
async function expectUnavailable(): Promise<void> {
  const refused = { status: 503, retryAfter: '1' }
  for (const { url } of servers.filter(({ url }) => url !== servers[1]!.url)) {
    await eventually(async () => (await placeOrder(url)).status !== 201)
    for (let count = 0; count < 3; count++) {
      const [byRest, byGraphql] = await Promise.all([
        placeOrder(url),
        post(`${url}/graphql`, {
          query: 'mutation { createOrder(input: { sku: "PLENTY", qty: 1 }) { order { id } } }',
        }),
      ])
      expect(byRest).toMatchObject({ ...refused, body: { code: 'UNAVAILABLE' } })
      expect({ ...byGraphql, codes: codesOf(byGraphql.body as never) }).toMatchObject({
        ...refused,
        codes: ['UNAVAILABLE'],
      })
    }
    const read = await post(`${url}/graphql`, { query: '{ inventoryItem(sku: "PLENTY") { name } }' })
    expect(read.status === 200 || read.status === 503).toBe(true)
  }
}

async function expectAllWell(sinceMs: number, limitMs = READY_LIMIT_MS): Promise<void> {
  for (const { url, stdout } of servers) {
    await eventually(
      async () => (await get(url, '/health/ready').catch(() => undefined))?.status === 200,
    ).catch(() => {
      throw new Error(stdout().slice(-4_000))
    })
  }
  report('all were ready', sinceMs)
  expect(performance.now() - sinceMs).toBeLessThan(limitMs)
  const { status, body } = await placeOrder()
  expect(status).toBe(201)
  await eventually(async () => (await get(api.url, `/api/orders/${body.id}`)).body.status === 'reserved')
}

async function placeOrder(url = api.url): Promise<HttpAnswer> {
  const answer = await post(`${url}/api/order`, { sku: 'PLENTY', qty: 1 })
  if (answer.status === 201) acknowledged.push(String(answer.body.id))
  return answer
}

/** Runs a statement beside the database under test. */
async function admin(statement: string): Promise<void> {
  await database.query(statement)
}

/** Runs statements in the database under test, as a superuser. */
async function within<Row extends pg.QueryResultRow>(statements: string): Promise<Row[]> {
  const client = new pg.Client({
    connectionString: adminUrl,
    options: '-c default_transaction_read_only=off',
  })
  await client.connect()
  try {
    return (await client.query<Row>(statements)).rows
  } finally {
    await client.end()
  }
}

function report(what: string, sinceMs: number): void {
  process.stdout.write(`  ${what} after ${((performance.now() - sinceMs) / 1_000).toFixed(2)} s\n`)
}
