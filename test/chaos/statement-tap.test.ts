import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createStatementTap } from '../../chaos/statement-tap.ts'
import { startTcpProxy, type Tap, type TcpProxy } from '../../chaos/tcp-proxy.ts'
import { createTestDatabase } from '../support/harness.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let proxy: TcpProxy
let client: pg.Client
let gaps: string[]
let deadlyGap: string | undefined
/** How the pieces come that the tap sees. */
let cut: (tap: Tap) => Tap

beforeAll(async () => {
  database = await createTestDatabase()
  proxy = await startTcpProxy(Number(new URL(database.databaseUrl).port), () =>
    cut(
      createStatementTap((gap) => {
        gaps.push(gap)
        return gap !== deadlyGap
      }),
    ),
  )
})
afterAll(async () => {
  await proxy?.close()
  await database?.drop()
})

beforeEach(() => {
  gaps = []
  deadlyGap = undefined
  cut = (tap) => tap
})

const INSERT = `insert into items (sku, name) values ($1, '')`

async function insertItem(sku: string): Promise<void> {
  client = new pg.Client({ connectionString: proxiedUrl() })
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('select 1')
    await client.query({
      name: 'look',
      text: 'select sku from items where sku = $1',
      values: [sku],
    })
    await client.query('begin')
    await client.query({ name: 'insert', text: INSERT, values: [sku] })
    await client.query({
      name: 'look',
      text: 'select sku from items where sku = $1',
      values: [sku],
    })
    await client.query('commit')
  } finally {
    await client.end().catch(() => {})
  }
}

function proxiedUrl(): string {
  const url = new URL(database.databaseUrl)
  url.port = String(proxy.port)
  return url.href
}

async function isThere(sku: string): Promise<boolean> {
  const direct = new pg.Client({ connectionString: database.databaseUrl })
  await direct.connect()
  const { rowCount } = await direct.query('select from items where sku = $1', [sku])
  await direct.end()
  return rowCount === 1
}

const GAPS = [
  '… → look',
  'look → …',
  '… → begin',
  'begin → insert',
  'insert → look',
  'look → commit',
  'look, commit → …',
]

test('names each gap between two steps', async () => {
  await insertItem('A')
  expect(gaps).toEqual(GAPS)
})

test('reads messages in pieces of any size', async () => {
  cut = (tap) => ({ ...tap, toServer: (piece) => [...piece].every((byte) => tap.toServer(Buffer.of(byte))) })
  await insertItem('B')
  expect(gaps).toEqual(GAPS)
})

test('takes statements that are sent together for one step', async () => {
  client = new pg.Client({ connectionString: proxiedUrl(), pipeline: true } as pg.ClientConfig)
  await client.connect()
  const look = (name: string) => client.query({ name, text: 'select sku from items' })
  await client.query('begin')
  await look('first')
  await Promise.all(['second', 'third', 'fourth'].map(look))
  await client.query('commit')
  await client.end()
  expect(gaps).toEqual([
    '… → begin',
    'begin → first',
    'first → second',
    'fourth → commit',
    'fourth, commit → …',
  ])
})

test('breaks off before a step: it has not happened', async () => {
  deadlyGap = 'look → commit'
  await expect(insertItem('C')).rejects.toThrow()
  expect(await isThere('C')).toBe(false)
})

test('breaks off after a commit: it has happened, and nobody was told', async () => {
  deadlyGap = 'look, commit → …'
  await expect(insertItem('D')).rejects.toThrow()
  expect(await isThere('D')).toBe(true)
})
