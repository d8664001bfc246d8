import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { putOpenLoad } from '../open-load.ts'
import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { skuNames, storeItems } from '../support/backlog.ts'
import { createOrderLoad } from '../support/create-order-load.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { startHoldfast, startHoldfastWithMemory } from '../support/holdfast.ts'
import { takeTurns } from '../take-turns.ts'

const ROWS = 100_000
const ROWS_QUICK = 5_000
const ITEMS = skuNames(10_000)

/** A load that leaves a process room for an import beside it. */
const ORDERS_PER_SECOND = 200
const CONNECTIONS = 20
const ORDERS_S = 20
const ORDERS_QUICK_S = 4
const WARM_UP_S = 2
/** Orders go on being reserved meanwhile: what waits at the end is what came in within this time. */
const BACKLOG_MAX_S = 2

const MEMORY_SAMPLE_INTERVAL_MS = 100
const MB = 1024 * 1024

const TIMES_MAX = 15
const MEMORY_MAX_MB = 200
const P99_TIMES_MAX = 2

/** Importing a file, against `copy` and one statement, with its memory and what it costs those who order meanwhile. */
export const scenario: Scenario = {
  name: 'csv-import',
  description: '100,000 deltas of 10,000 SKUs come as a file, also while orders do',
  run: async (context) => {
    const file = fileOf(context.isQuick ? ROWS_QUICK : ROWS)
    const { holdfast, copy } = await takeTurns(context, {
      holdfast: () => importByHoldfast(context, file),
      copy: () => importByCopy(context, file),
    })
    const { alone, beside } = await takeTurns(context, {
      alone: () => order(context, null),
      beside: () => order(context, file),
    })
    const figure = (title: string, unit: string, values: number[], atMost: number | null): Figure => ({
      kind: 'figure',
      title: `import of ${file.rows.toLocaleString('en')} deltas over 10,000 SKUs: ${title}`,
      unit,
      values,
      target: atMost === null ? null : { kind: 'at-most', value: atMost, unit },
    })
    return [
      {
        kind: 'comparison',
        title: `import of ${file.rows.toLocaleString('en')} deltas over 10,000 SKUs`,
        against: '`copy` and one set-based statement',
        unit: 's',
        holdfast: holdfast.map(({ seconds }) => seconds),
        baseline: copy.map(({ seconds }) => seconds),
        target: { kind: 'at-most', value: TIMES_MAX },
      },
      figure(
        'peak memory above idle',
        'MB',
        holdfast.map(({ memoryMb }) => memoryMb),
        MEMORY_MAX_MB,
      ),
      {
        kind: 'comparison',
        title: `createOrder at ${ORDERS_PER_SECOND}/s while files are imported: p99`,
        against: 'without',
        unit: 'ms',
        holdfast: beside,
        baseline: alone,
        target: { kind: 'at-most', value: P99_TIMES_MAX },
      },
    ]
  },
}

type Run = { seconds: number; memoryMb: number }
type StockFile = { rows: number; text: string }

/** Every item as often as any other, never twice in a row. */
function fileOf(rows: number): StockFile {
  const lines = Array.from(
    { length: rows },
    (_, index) => `${ITEMS[index % ITEMS.length]},${1 + (index % 9)}\n`,
  )
  return { rows, text: `sku,delta\n${lines.join('')}` }
}

async function importByHoldfast(context: BenchContext, file: StockFile): Promise<Run> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using holdfast = await startHoldfastWithMemory({ DATABASE_URL: database.url })
  const idle = (await holdfast.collectAndReadMemory()).rss
  let peak = idle
  let isImporting = true
  const watching = (async () => {
    while (isImporting) {
      peak = Math.max(peak, (await holdfast.readMemory()).rss)
      await sleep(MEMORY_SAMPLE_INTERVAL_MS)
    }
  })()
  const startedAtMs = performance.now()
  await send(holdfast.url, file)
  const seconds = (performance.now() - startedAtMs) / 1_000
  isImporting = false
  await watching
  await assertNoBreaches(database)
  return { seconds, memoryMb: (peak - idle) / MB }
}

async function send(url: string, { rows, text }: StockFile, key: string | null = null): Promise<void> {
  const response = await fetch(`${url}/api/inventory/import`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', ...(key && { 'idempotency-key': key }) },
    body: text,
  })
  const report = (await response.json()) as { changed?: number }
  if (report.changed !== rows) throw new Error(`the import answered ${JSON.stringify(report)}`)
}

/** The same rows by `copy` and one statement: levels, and movements with what each leaves. */
async function importByCopy(context: BenchContext, { text }: StockFile): Promise<Run> {
  await using database = await openDatabase(context)
  const { client } = database
  await storeItems(client, ITEMS)
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  try {
    const path = join(folder, 'file.csv')
    await writeFile(path, text)
    // the server reads it, as whatever user it runs
    await chmod(folder, 0o755)
    const startedAtMs = performance.now()
    await client.query('begin')
    await client.query('create temporary table staged (line serial, sku text, delta int) on commit drop')
    await client.query(`copy staged (sku, delta) from '${path}' with (format csv, header)`)
    await client.query(APPLY)
    await client.query('commit')
    const seconds = (performance.now() - startedAtMs) / 1_000
    await assertNoBreaches(database)
    return { seconds, memoryMb: 0 }
  } finally {
    await rm(folder, { recursive: true })
  }
}

// levels are changed after `locked` was read: it skips rows that its own statement has changed
const APPLY = `with locked as (
    select sku, available, reserved from stock_levels where location = 'MAIN' order by sku for update
  ), written as (
    insert into inventory_movements
      (sku, location, type, delta, reserved_delta, available_after, reserved_after, reason, actor, created_at)
    select staged.sku, 'MAIN', 'ADJUSTMENT', staged.delta, 0,
      locked.available + sum(staged.delta) over (partition by staged.sku order by staged.line),
      locked.reserved, 'CSV import', 'bench', now()
    from staged join locked on locked.sku = staged.sku
    order by staged.line
  )
  update stock_levels set available = available + added.delta
  from (select sku, sum(staged.delta) as delta from staged join locked using (sku) group by sku) as added
  where stock_levels.sku = added.sku and stock_levels.location = 'MAIN'`

/**
 * Puts a load of orders on a server.
 *
 * @param file imported again and again meanwhile; null for none
 * @returns the p99 of createOrder, in ms
 * @throws if orders were refused, or not reserved meanwhile
 */
async function order(context: BenchContext, file: StockFile | null): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using holdfast = await startHoldfast({ DATABASE_URL: database.url })
  let isOrdering = true
  const importing = (async () => {
    for (let times = 0; file && isOrdering; times++) await send(holdfast.url, file, `file ${times}`)
  })()
  const { acceptedLatencyMs, accepted, refused } = await putOpenLoad({
    url: holdfast.url,
    ...createOrderLoad(ITEMS[0]!),
    // those that a file changes, and locks
    skuCount: ITEMS.length,
    connections: CONNECTIONS,
    perSecond: ORDERS_PER_SECOND,
    refusalStatus: 503,
    warmUpS: WARM_UP_S,
    durationS: context.isQuick ? ORDERS_QUICK_S : ORDERS_S,
  })
  const { reserved, skus } = await readReserved(database)
  isOrdering = false
  await importing
  if (refused > 0) throw new Error(`${refused} orders were refused`)
  if (accepted - reserved > BACKLOG_MAX_S * ORDERS_PER_SECOND)
    throw new Error(`of ${accepted} orders ${reserved} were RESERVED at the end of the load`)
  if (skus < Math.min(accepted, ITEMS.length) / 2) throw new Error(`${accepted} orders were of ${skus} SKUs`)
  await assertNoBreaches(database)
  return acceptedLatencyMs.p99
}

/** Counts the orders that are RESERVED, and their SKUs. */
async function readReserved({ client }: Pick<BenchDatabase, 'client'>) {
  const { rows } = await client.query<{ reserved: number; skus: number }>(
    `select count(*)::int as reserved, count(distinct order_lines.sku)::int as skus
    from orders join order_lines on order_lines.order_id = orders.id where orders.status = 'RESERVED'`,
  )
  return rows[0]!
}
