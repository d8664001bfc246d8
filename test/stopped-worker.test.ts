import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ReserveAnswerBody, ReserveRequest, StatusAnswerBody } from '../src/supplier/contract.ts'
import { createTestApp, eventually, seed, type TestApp } from './support/harness.ts'
import { readJobs } from './support/queue.ts'
import { readItem } from './support/read-stock.ts'
import { scrape } from './support/scrape.ts'
import { Processes, type RunningServer } from './support/server-process.ts'

// A worker that is stopped in the middle of its work, taken for dead, and wakes up once another has done all of it.

/** What the stopped worker asks, and is answered only once its orders have reached their end without it. */
const LATE_ANSWERS: { sku: string; asked: 'POST' | 'GET'; answer: ReserveAnswerBody | StatusAnswerBody }[] = [
  { sku: 'LATE-ACCEPTED', asked: 'POST', answer: { accepted: true, ref: 'late' } },
  { sku: 'LATE-REFUSED', asked: 'POST', answer: { accepted: false } },
  { sku: 'LATE-DELIVERED', asked: 'GET', answer: { status: 'ok' } },
  { sku: 'LATE-FAILED', asked: 'GET', answer: { status: 'fail' } },
  { sku: 'LATE-DELAYED', asked: 'GET', answer: { status: 'delayed' } },
]
const QTY = 2
const LOCK = 4_711

const processes = new Processes()
let testApp: TestApp
let supplier: Awaited<ReturnType<typeof startHoldingSupplier>>

beforeEach(async () => {
  testApp = await createTestApp()
  supplier = await startHoldingSupplier()
})
afterEach(async () => {
  await processes.end()
  await supplier.close()
  await testApp.close()
})

test('answers of the supplier that a worker gets after it was stopped change nothing twice', async () => {
  const { app } = testApp
  const stopped = await startWorker()
  const ids: string[] = []
  for (const { sku } of LATE_ANSWERS) {
    await seed(app).item({ sku, available: 0 })
    ids.push((await seed(app).order({ sku, qty: QTY })).id)
  }
  await eventually(() => supplier.heldCount() === LATE_ANSWERS.length)
  process.kill(stopped.pid, 'SIGSTOP')

  const other = await startWorker()
  await untilDone(ids)
  const done = await Promise.all(ids.map(readAll))
  for (const order of done) {
    expect(order).toMatchObject({
      status: 'RESERVED',
      version: 3,
      lines: [{ reserved: 2, inventoryItem: { levels: [{ available: 0n, reserved: 2n }] } }],
      supplierRequests: [{ state: 'DELIVERED' }],
    })
    expect(order.events.map(({ type }) => type)).toEqual([
      'OrderCreated',
      'OrderAwaitingRestock',
      'OrderReserved',
    ])
    expect(order.movements).toMatchObject([
      { type: 'SUPPLIER_RECEIPT', delta: QTY },
      { type: 'RESERVATION', delta: -QTY },
    ])
  }

  await supplier.answerHeld()
  process.kill(stopped.pid, 'SIGCONT')
  // it has drawn the consequences of each late answer
  await untilRuns(stopped, 'request-supplier', LATE_ANSWERS.length)
  await untilRuns(
    stopped,
    'check-supplier-status',
    LATE_ANSWERS.filter(({ asked }) => asked === 'GET').length,
  )
  expect(await countJobs()).toBe(0)
  expect(await Promise.all(ids.map(readAll))).toEqual(done)
  await expectGoesOn(stopped, other)
})

test.each(['waits for its stock', 'waits for its commit'])(
  'a reservation whose worker is stopped while it %s is made once',
  async (where) => {
    const { app } = testApp
    await seed(app).item({ sku: 'BOLT', available: 10 })
    const hold = await (where === 'waits for its stock' ? holdStock() : holdCommits())
    const stopped = await startWorker()
    const { id } = await seed(app).order({ sku: 'BOLT', qty: QTY })
    await eventually(async () => (await hold.countWaiting()) === 1)
    process.kill(stopped.pid, 'SIGSTOP')

    const other = await startWorker()
    // the other has its job, and waits for its order: the stopped one is in the middle of it
    await eventually(async () => (await hold.countWaiting()) === 2)
    await hold.release()
    await untilDone([id])
    const done = await readAll(id)
    expect(done).toMatchObject({
      status: 'RESERVED',
      version: 2,
      lines: [{ reserved: QTY, inventoryItem: { levels: [{ available: 8n, reserved: 2n }] } }],
    })
    expect(done.events.map(({ type }) => type)).toEqual(['OrderCreated', 'OrderReserved'])
    expect(done.movements).toMatchObject([{ type: 'RESERVATION', delta: -QTY }])

    process.kill(stopped.pid, 'SIGCONT')
    await untilRuns(stopped, 'reserve-inventory', 1)
    expect(await countJobs()).toBe(0)
    expect(await readAll(id)).toEqual(done)
    await expectGoesOn(stopped, other)
  },
)

function startWorker(): Promise<RunningServer> {
  return processes.startServer({
    DATABASE_URL: testApp.databaseUrl,
    ROLE: 'worker',
    SUPPLIER_URL: supplier.url,
    // the answer comes late, and not the end of the waiting
    SUPPLIER_TIMEOUT_MS: '600000',
    SUPPLIER_RECHECK_DELAY_MS: '100',
  })
}

/** The worker that woke up does new work, by itself. */
async function expectGoesOn(woken: RunningServer, other: RunningServer): Promise<void> {
  expect(await other.end('SIGTERM')).toMatchObject({ code: 0 })
  const { app } = testApp
  await seed(app).item({ sku: 'NEW', available: 10 })
  const orders = [
    await seed(app).order({ sku: 'NEW', qty: QTY }),
    await seed(app).order({ sku: 'NEW', qty: 100 }),
  ]
  await untilDone(orders.map(({ id }) => id))
  expect(await readItem(app, 'NEW')).toMatchObject({ available: 8n, reserved: 102n })
  expect(await woken.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
}

/** Until orders are reserved and no job is left of any. */
async function untilDone(ids: readonly string[]): Promise<void> {
  await eventually(async () => {
    const reserved = await testApp.app.prisma.order.count({
      where: { id: { in: [...ids] }, status: 'RESERVED' },
    })
    return reserved === ids.length && (await countJobs()) === 0
  })
}

/** Until a process has done as many jobs of a task. */
async function untilRuns({ url }: RunningServer, task: string, count: number): Promise<void> {
  await eventually(async () => {
    const { samples } = await scrape(url)
    const done = samples.find(
      ({ name, labels }) =>
        name === 'holdfast_job_duration_seconds_count' && labels.task === task && labels.outcome === 'done',
    )
    return done?.value === count
  })
}

async function countJobs(): Promise<number> {
  return (await readJobs(testApp.app.pool)).length
}

/** An order with all that came of it. */
async function readAll(id: string) {
  return testApp.app.prisma.order.findUniqueOrThrow({
    where: { id },
    include: {
      events: { orderBy: { version: 'asc' } },
      movements: { orderBy: { id: 'asc' } },
      deadLetters: true,
      lines: { include: { inventoryItem: { include: { levels: true } } } },
      supplierRequests: true,
    },
  })
}

type Hold = {
  /** Reservations that wait, for the hold or for one another. */
  countWaiting: () => Promise<number>
  release: () => Promise<unknown>
}

/** Every reservation waits for its stock row. */
async function holdStock(): Promise<Hold> {
  return holdBy('begin; select from stock_levels for update', 'rollback')
}

/** Every reservation waits in its commit, with all that it has written. */
async function holdCommits(): Promise<Hold> {
  const { pool } = testApp.app
  await pool.query(`create function hold() returns trigger language plpgsql as
    $$ begin perform pg_advisory_xact_lock_shared(${LOCK}); return null; end $$`)
  await pool.query(`create constraint trigger hold after insert on inventory_movements
    deferrable initially deferred for each row execute function hold()`)
  return holdBy(`select pg_advisory_lock(${LOCK})`, `select pg_advisory_unlock(${LOCK})`)
}

async function holdBy(take: string, release: string): Promise<Hold> {
  const holder = new pg.Client({ connectionString: testApp.databaseUrl, application_name: 'test' })
  await holder.connect()
  await holder.query(take)
  return {
    countWaiting: async () => {
      const { rows } = await testApp.app.pool.query(
        `select count(distinct pid)::int as count from pg_locks join pg_stat_activity using (pid)
        where not granted and datname = current_database() and application_name = 'holdfast'`,
      )
      return rows[0].count
    },
    release: async () => {
      await holder.query(release)
      await holder.end()
    },
  }
}

/** A supplier that accepts and delivers, but keeps the first of each of LATE_ANSWERS waiting. Its references are SKUs. */
async function startHoldingSupplier() {
  const late = new Map(LATE_ANSWERS.map(({ sku, asked, answer }) => [`${asked} ${sku}`, answer]))
  const held: { response: ServerResponse; answer: object }[] = []
  const send = (response: ServerResponse, answer: object) =>
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const sku =
      request.method === 'POST' ? (JSON.parse(body) as ReserveRequest).sku : request.url!.split('/').at(-1)!
    const question = `${request.method} ${sku}`
    const answer = late.get(question)
    late.delete(question)
    if (answer) held.push({ response, answer })
    else send(response, request.method === 'POST' ? { accepted: true, ref: sku } : { status: 'ok' })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    heldCount: () => held.length,
    /** Answers what it has kept waiting; resolves when the answers are sent. */
    answerHeld: () =>
      Promise.all(
        held.map(({ response, answer }) => {
          const isSent = once(response, 'finish')
          send(response, answer)
          return isSent
        }),
      ),
    close: () => {
      server.closeAllConnections()
      server.close()
      return once(server, 'close')
    },
  }
}
