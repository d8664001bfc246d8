import type { OrderJob } from '../../domain/upkeep/jobs.ts'
import { COUNTED_MAX } from '../../domain/upkeep/service-status.ts'
import { findJobsOf, isQueueLonger } from '../../sql/queue/find-jobs.ts'
import type { ReadContext } from '../context.ts'

/**
 * Lists the jobs that name orders, oldest first. It checks no rights.
 *
 * @returns null if the queue holds more than COUNTED_MAX jobs: it is not searched then
 */
export async function listJobsOf(
  { pool }: ReadContext,
  orderIds: readonly string[],
): Promise<OrderJob[] | null> {
  if (await isQueueLonger(pool, COUNTED_MAX)) return null
  return findJobsOf(pool, orderIds, COUNTED_MAX)
}
