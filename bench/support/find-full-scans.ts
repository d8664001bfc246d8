import type pg from 'pg'
import type { RecordedStatement } from './recorded-statements.ts'

/** What reads a table from end to end, and which. */
export type FullScan = { statement: string; table: string }

type PlanNode = { 'Node Type': string; 'Relation Name'?: string; Plans?: PlanNode[] }

/** A table of fewer rows fits a few pages: to read them all is the best plan. */
const BIG_TABLE_ROWS = 5_000
const IS_PLANNED = /^\s*(select|with|insert|update|delete)/i

/**
 * Plans statements as PostgreSQL does: with their parameters.
 *
 * @param client with the settings of the application's own connections
 * @returns the sequential scans of big tables in those plans
 */
export async function findFullScans(
  client: pg.ClientBase,
  statements: Iterable<RecordedStatement>,
): Promise<FullScan[]> {
  const { rows } = await client.query<{ relname: string }>(
    `select relname from pg_class where relkind = 'r' and reltuples > $1`,
    [BIG_TABLE_ROWS],
  )
  const bigTables = new Set(rows.map((row) => row.relname))
  const found: FullScan[] = []
  for (const { name, text, values } of statements) {
    if (!IS_PLANNED.test(text)) continue
    const statement = name ?? text
    const plan = await explain(client, text, values)
    for (const table of scannedTables(plan)) found.push({ statement, table })
  }
  return found.filter(({ table }) => bigTables.has(table))
}

async function explain(client: pg.ClientBase, text: string, values: unknown[]): Promise<PlanNode> {
  const { rows } = await client.query({ text: `explain (format json) ${text}`, values })
  return rows[0]['QUERY PLAN'][0].Plan
}

function scannedTables(node: PlanNode): string[] {
  const below = (node.Plans ?? []).flatMap(scannedTables)
  return node['Node Type'] === 'Seq Scan' ? [node['Relation Name']!, ...below] : below
}
