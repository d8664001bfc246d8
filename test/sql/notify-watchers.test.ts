import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  decodeNotices,
  NOTIFIED_ORDERS_MAX,
  notifyWatchers,
  ORDER_CHANNEL,
  type OrderNotice,
} from '../../src/sql/notify-watchers.ts'
import { createTestDatabase, eventually } from '../support/harness.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

let client: pg.Client
let drop: () => Promise<void>
const heard: OrderNotice[][] = []
beforeAll(async () => {
  const database = await createTestDatabase()
  drop = database.drop
  client = new pg.Client({ connectionString: database.databaseUrl })
  await client.connect()
  client.on('notification', ({ payload }) => heard.push(decodeNotices(payload!)))
  await client.query(`listen ${ORDER_CHANNEL}`)
})
afterAll(async () => {
  await client.end()
  await drop()
})

const notices = (count: number, traceparent?: string) =>
  Array.from({ length: count }, (_, version): OrderNotice => ({ id: uuidv7(), version, traceparent }))

test.each<[string, number, OrderNotice[]]>([
  ['no order none', 0, []],
  ['as many orders as are created together one', 1, notices(NOTIFIED_ORDERS_MAX)],
  ['one order more another', 2, [...notices(NOTIFIED_ORDERS_MAX), ...notices(30)]],
  ['orders with spans as few as hold them', 3, notices(NOTIFIED_ORDERS_MAX, TRACEPARENT)],
])('%s', async (_name, count, sent) => {
  heard.length = 0
  await notifyWatchers(client, sent)
  await client.query('select')
  await eventually(() => heard.length === count)
  expect(heard.flat()).toEqual(sent)
})
