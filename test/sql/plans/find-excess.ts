import { inspect } from 'node:util'
import pg from 'pg'
import type { RecordedStatement } from '../../../bench/support/recorded-statements.ts'
import { ALLOWED } from './allowed.ts'

/** What a statement of a batch or a page may have to do with: rows that a node of its plan reads, makes or leaves out. */
export const ROWS_MAX = 5_000

const IS_PLANNED = /^\s*(select|with|insert|update|delete)/i

/** Runs a statement to nothing, and tells what of its plan had to do with more rows than it is to. */
export async function findExcess(
  { name, text, values }: RecordedStatement,
  on: pg.ClientBase,
): Promise<string[]> {
  if (!IS_PLANNED.test(text)) return []
  const plans = [await explain(text, on, values)]
  // one that has a name is prepared: after some uses its plan may be kept for whatever values
  if (name) plans.push(await explainPrepared(text, values, on))
  const rowsMax = ALLOWED[name ?? ''] ?? ROWS_MAX
  return plans.flatMap(nodesOf).flatMap((node) => {
    const rows = rowsOf(node)
    if (rows <= rowsMax) return []
    const what = [node['Node Type'], node['Relation Name'] ?? node['CTE Name'], node['Index Name']]
    return `${rows} rows, ${what.filter(Boolean).join(' ')}: ${name ?? text} ${inspect(values).slice(0, 200)}`
  })
}

/** Uses after which PostgreSQL may keep a plan: five, and one to choose. */
const USES_BEFORE_KEPT = 6

async function explainPrepared(text: string, values: unknown[], on: pg.ClientBase): Promise<PlanNode> {
  const execute = `execute kept${values.length > 0 ? `(${values.map(literalOf).join(', ')})` : ''}`
  await on.query(`prepare kept as ${text}`)
  try {
    for (let use = 0; use < USES_BEFORE_KEPT; use++) await on.query(`explain ${execute}`)
    return await explain(execute, on)
  } finally {
    await on.query('deallocate kept')
  }
}

function literalOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  if (value instanceof Date) return `'${value.toISOString()}'`
  const text = Array.isArray(value) ? `{${value.map(elementOf).join(',')}}` : String(value)
  return pg.escapeLiteral(text)
}

function elementOf(value: unknown): string {
  if (value === null || value === undefined) return 'null'
  const text = value instanceof Date ? value.toISOString() : String(value)
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}

async function explain(text: string, on: pg.ClientBase, values?: unknown[]): Promise<PlanNode> {
  const run = async (options: string) => {
    await on.query('begin')
    try {
      const { rows } = await on.query({ text: `explain (${options}) ${text}`, values: values as unknown[] })
      return rows[0]['QUERY PLAN'][0].Plan as PlanNode
    } finally {
      await on.query('rollback')
    }
  }
  return await run('analyze, format json').catch((error: unknown) => {
    // what was written once cannot be written again: its plan tells of what it would read
    if (!(error instanceof pg.DatabaseError && error.code === '23505')) throw error
    return run('format json')
  })
}

type PlanNode = Record<string, unknown> & { Plans?: PlanNode[] }

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}

/** Rows that a node has made and left out, in all of its loops; as planned where it did not run. */
function rowsOf(node: PlanNode): number {
  const names = [
    'Actual Rows',
    'Rows Removed by Filter',
    'Rows Removed by Join Filter',
    'Rows Removed by Index Recheck',
  ]
  if (node['Actual Rows'] === undefined)
    return node['Node Type'] === 'Seq Scan' ? Number(node['Plan Rows']) : 0
  const each = names.reduce((sum, name) => sum + Number(node[name] ?? 0), 0)
  return Math.round(each * Number(node['Actual Loops']))
}
