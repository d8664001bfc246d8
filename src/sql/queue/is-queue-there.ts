import type { Queryable } from '../statement.ts'

/** Whether graphile-worker's schema is there with all that it has. Its list of migrations is filled last by a restore. */
export async function isQueueThere(on: Queryable): Promise<boolean> {
  const { rowCount } = await on.query('select from graphile_worker.migrations limit 1')
  return rowCount === 1
}
