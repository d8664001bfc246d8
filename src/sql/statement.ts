import pg from 'pg'
import { parseTimestamp } from './parse-timestamp.ts'

/** Runs statements: a pool, or the client of a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>

const { INT8, TIMESTAMPTZ } = pg.types.builtins

/** Reads values as Prisma does: bigint as BigInt, never as a rounded number. */
const types = typeParsers({ [INT8]: BigInt, [TIMESTAMPTZ]: parseTimestamp })

/** Uses own parsers for some types, by oid, and pg's for all others. */
export function typeParsers(own: Record<number, (value: string) => unknown>): pg.CustomTypesConfig {
  const getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    own[oid] ?? pg.types.getTypeParser(oid, format as 'text')
  return { getTypeParser } as pg.CustomTypesConfig
}

/**
 * Prepares a statement: each connection parses it once, under `name`, and keeps its plan for a while (PLANS_KEPT_USES in
 * connections.ts).
 *
 * @returns a function that runs it with the values of its parameters, in their order, and returns the rows
 */
export function prepare<Values extends unknown[], Row extends pg.QueryResultRow = pg.QueryResultRow>(
  name: string,
  text: string,
): (on: Queryable, ...values: Values) => Promise<Row[]> {
  return async (on, ...values) => (await on.query<Row>({ name, text, values, types })).rows
}

/**
 * Limits each statement of a transaction: the server cancels a longer one with 57014, so that it does not run on after its
 * caller gave up.
 */
export async function limitStatements(tx: Queryable, timeoutMs: number): Promise<void> {
  await tx.query(`set local statement_timeout = ${timeoutMs}`)
}

/**
 * Writes an array in PostgreSQL's syntax, of values that need no quotes: numbers, UUIDs that were checked, names of enums. pg
 * would search each value for characters to quote.
 */
export function plainArray(values: readonly (string | number | bigint | boolean | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`
}

/** The same of SKUs and codes of locations, which need no escaping: in quotes, as one may be called `NULL`. */
export function quotedArray(values: readonly string[]): string {
  return values.length === 0 ? '{}' : `{"${values.join('","')}"}`
}

/**
 * An array of values that few rows have. Where none has any it is null, which `unnest` beside other arrays takes as nulls.
 */
export function sparseArray<Value>(
  values: readonly (Value | null | undefined)[],
): readonly (Value | null | undefined)[] | null {
  return values.some((value) => value !== null && value !== undefined) ? values : null
}
