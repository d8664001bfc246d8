import pg from 'pg'
import { parseTimestamp } from './parse-timestamp.ts'

/** What a statement runs on: a pool, or the client of a transaction. */
export type Queryable = Pick<pg.ClientBase, 'query'>

const { INT8, TIMESTAMPTZ } = pg.types.builtins

/** As Prisma reads the same columns: bigint as BigInt, never a rounded number. */
const types = typeParsers({ [INT8]: BigInt, [TIMESTAMPTZ]: parseTimestamp })

/** Parsers of values that come as text, by the oid of their type; pg's own for all others. */
export function typeParsers(own: Record<number, (value: string) => unknown>): pg.CustomTypesConfig {
  const getTypeParser = (oid: number, format?: 'text' | 'binary') =>
    own[oid] ?? pg.types.getTypeParser(oid, format as 'text')
  return { getTypeParser } as pg.CustomTypesConfig
}

/**
 * A hot statement: parsed and planned once per connection under `name`, then only executed.
 *
 * @returns a function that runs it with `values` and gives the rows
 */
export function prepare<Row extends pg.QueryResultRow>(
  name: string,
  text: string,
): (on: Queryable, values: unknown[]) => Promise<Row[]> {
  return async (on, values) => (await on.query<Row>({ name, text, values, types })).rows
}

/**
 * Lets no statement of a transaction take longer: the server ends it, with 57014, and it does not go on for nobody.
 *
 * @param tx in a transaction
 */
export async function limitStatements(tx: Queryable, timeoutMs: number): Promise<void> {
  await tx.query(`set local statement_timeout = ${timeoutMs}`)
}

/**
 * An array as PostgreSQL reads it, of values that need no quotes there: numbers, UUIDs that are known to be such, names of
 * enums. pg would look into each for what needs some.
 */
export function plainArray(values: readonly (string | number | bigint | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`
}

/** The columns of `orders` as `Order` names them. */
export const ORDER_COLUMNS = `
  orders.id,
  orders.customer_id as "customerId",
  orders.sku,
  orders.qty,
  orders.status,
  orders.failure_reason as "failureReason",
  orders.supplier_ref as "supplierRef",
  orders.supplier_step as "supplierStep",
  orders.supplier_attempts as "supplierAttempts",
  orders.supplier_rechecks as "supplierRechecks",
  orders.version,
  orders.created_at as "createdAt",
  orders.updated_at as "updatedAt"`
