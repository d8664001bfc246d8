/**
 * What the database alone takes for one order: a process that writes the rows of one order after the other on one
 * connection, each in a transaction of its own, by the driver with prepared statements. No HTTP, no GraphQL, no log.
 *
 * It is given BareTransactions as JSON, and sends its parent a LoadResult.
 */
import pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import { LoadRecorder } from '../load-recorder.ts'
import { insertEvent, insertJob, insertOrder } from './order-statements.ts'

export type BareTransactions = { databaseUrl: string; sku: string; warmUpS: number; durationS: number }

const options: BareTransactions = JSON.parse(process.argv[2]!)
const client = new pg.Client({ connectionString: options.databaseUrl, keepAlive: true })
await client.connect()
const recorder = new LoadRecorder(options)
for (let isGoingOn = true; isGoingOn; ) {
  const sentAt = performance.now()
  const id = uuidv7()
  const createdAt = new Date()
  await client.query('begin')
  await insertOrder(client, id, options.sku, 1, createdAt)
  await insertEvent(client, id, createdAt)
  await insertJob(client, id)
  await client.query('commit')
  isGoingOn = recorder.record(sentAt)
}
await client.end()
process.send?.(recorder.result())
process.disconnect?.()
