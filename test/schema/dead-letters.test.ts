import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest'
import { execute } from '../support/graphql.ts'
import { eventually, seed, startTestWorker } from '../support/harness.ts'
import { changeJobs } from '../support/queue.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'

// Real dead letters: a worker tries each job until it has used its attempts.

const ATTEMPTS = 2

const LIST = `{ deadLetters(first: 100) { edges { node {
  id task payload error attempts traceId order { id status failureReason } createdAt
} } } }`
const WORK = `query ($id: ID!) { order(id: $id) {
  jobs { task attempts attemptsMax error heldSince traceId } deadLetters { id task retriedAt }
} }`
const RETRY = `mutation ($ids: [ID!]!) { retryDeadLetters(ids: $ids) { deadLetters { id order { id status } } } }`
const ORDER = `query ($id: ID!) { order(id: $id) {
  status failureReason version events { type reason } movements { type delta }
} }`

let server: RolesServer
beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  await seed(app).item({ sku: 'BOLT', available: 100 })
  await app.pool.query(`create table faults (is_there boolean)`)
  await app.pool.query(`create function break() returns trigger language plpgsql as
    $$ begin if exists (select from faults) then raise exception 'no disk'; end if; return new; end $$`)
  await app.pool.query(
    'create trigger break before insert on inventory_movements for each row execute function break()',
  )
})
afterAll(() => server.close())

/** What an operator is answered. */
async function ask(query: string, variables?: object) {
  const { data, errors } = await execute(server.as('operator'), query, variables)
  expect(errors).toBeUndefined()
  return data
}

async function list() {
  const { deadLetters } = await ask(LIST)
  return deadLetters.edges.map(({ node }: { node: unknown }) => node)
}

const retry = async (ids: readonly string[]) => (await ask(RETRY, { ids })).retryDeadLetters.deadLetters

/** Orders whose jobs use up their attempts. The fault is gone when this returns, and the worker goes on. */
async function failOrders(count: number): Promise<string[]> {
  const { app } = server.testApp
  await app.pool.query('insert into faults values (true)')
  const ids: string[] = []
  // one after the other: each has a job of its own, with its own tries
  while (ids.length < count) {
    ids.push((await seed(app).order({ sku: 'BOLT', qty: 2, customerId: 'alice' })).id)
  }
  await changeJobs(app.pool, { attemptsMax: ATTEMPTS })
  const worker = await startTestWorker(server.testApp)
  onTestFinished(() => worker.stop())
  await eventually(async () => {
    const failed = await app.prisma.order.count({ where: { id: { in: ids }, status: 'FAILED' } })
    return failed === count
  })
  await app.pool.query('delete from faults')
  return ids
}

/** What an operator sees of what is done for an order. */
async function workFor(id: string) {
  const { order } = await ask(WORK, { id })
  return order
}

const untilReserved = (id: string) =>
  eventually(async () => {
    const { order } = await ask(ORDER, { id })
    return order.status === 'RESERVED' && order
  })

it('lists the dead letter of a job that has used up its attempts, and replays it to its end', async () => {
  const [id] = await failOrders(1)
  const [letter, ...others] = await list()
  expect(others).toEqual([])
  expect(letter).toEqual({
    id: expect.any(String),
    task: 'reserve-inventory',
    payload: expect.objectContaining({ orderId: id }),
    error: expect.stringContaining('no disk'),
    attempts: ATTEMPTS,
    traceId: expect.stringMatching(/^[\da-f]{32}$/),
    order: { id, status: 'FAILED', failureReason: 'INTERNAL_ERROR' },
    createdAt: expect.any(String),
  })

  expect(await workFor(id!)).toEqual({
    jobs: [],
    deadLetters: [{ id: letter.id, task: 'reserve-inventory', retriedAt: null }],
  })

  // the worker may be faster than the answer
  expect(await retry([letter.id])).toEqual([
    { id: letter.id, order: { id, status: expect.stringMatching(/^(PENDING|RESERVED)$/) } },
  ])
  expect(await untilReserved(id!)).toEqual({
    status: 'RESERVED',
    failureReason: null,
    version: 4,
    events: [
      { type: 'OrderCreated', reason: null },
      { type: 'OrderFailed', reason: 'INTERNAL_ERROR' },
      { type: 'OrderReopened', reason: null },
      { type: 'OrderReserved', reason: null },
    ],
    movements: [{ type: 'RESERVATION', delta: -2 }],
  })
  expect(await list()).toEqual([])
  expect((await workFor(id!)).deadLetters).toEqual([
    { id: letter.id, task: 'reserve-inventory', retriedAt: expect.any(String) },
  ])
  expect(await retry([letter.id])).toEqual([])
  expect(await untilReserved(id!)).toMatchObject({ version: 4 })
})

it('replays many at once, leaves those that it was not asked for, and takes none twice', async () => {
  const ids = await failOrders(5)
  const letters: { id: string; order: { id: string } }[] = await list()
  expect(letters.map(({ order }) => order.id).toSorted()).toEqual(ids.toSorted())
  const [left, ...asked] = letters
  const answers = await Promise.all([1, 2, 3].map(() => retry(asked.map(({ id }) => id))))
  expect(
    answers
      .flat()
      .map(({ id }) => id)
      .toSorted(),
  ).toEqual(asked.map(({ id }) => id).toSorted())
  for (const { order } of asked) {
    const { version, events, movements } = await untilReserved(order.id)
    expect({ version, events: events.length, movements: movements.length }).toEqual({
      version: 4,
      events: 4,
      movements: 1,
    })
  }
  expect((await list()).map(({ id }: { id: string }) => id)).toEqual([left!.id])
  const { order } = await ask(ORDER, { id: left!.order.id })
  expect(order).toMatchObject({ status: 'FAILED', version: 2 })
})
