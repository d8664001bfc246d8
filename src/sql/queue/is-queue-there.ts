import type { Queryable } from '../statement.ts'

/** Whether graphile-worker's tables are complete. A restore fills its list of migrations last. */
export async function isQueueThere(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query('select from graphile_worker.migrations limit 1')
  return rowCount === 1
}
