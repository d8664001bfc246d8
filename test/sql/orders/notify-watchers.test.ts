import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  decodeNotices,
  notifyWatchers,
  ORDER_CHANNEL,
  type OrderNotice,
} from '../../../src/sql/orders/notify-watchers.ts'
import { createTestDatabase, eventually } from '../../support/harness.ts'

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

const notices = (count: number, version: number, traceparent?: string) =>
  Array.from({ length: count }, (): OrderNotice => ({ id: uuidv7(), version, traceparent }))

test.each<[string, number, OrderNotice[]]>([
  ['no order none', 0, []],
  ['as many orders as fit one', 1, notices(307, 1_295)],
  ['one order more another', 2, notices(308, 1_295)],
  ['as many orders with spans as fit one', 1, notices(129, 1_295, TRACEPARENT)],
  ['one order with a span more another', 2, notices(130, 1_295, TRACEPARENT)],
])('%s', async (_name, count, sent) => {
  heard.length = 0
  await notifyWatchers(client, sent)
  await client.query('select')
  await eventually(() => heard.length === count)
  expect(heard.flat()).toEqual(sent)
})
