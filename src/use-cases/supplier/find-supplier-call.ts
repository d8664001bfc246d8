import type pg from 'pg'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { isOpen } from '../../domain/supplier/supplier-request.ts'
import type { SupplierJob } from '../../domain/upkeep/jobs.ts'
import { type CallTarget, findCallTargets } from '../../sql/supplier/supplier-requests.ts'

/** A call that a job is about. */
type Scheduled = Pick<SupplierJob['payload'], 'orderId' | 'sku' | 'step'>

/** Group in which reads of requests share a statement. A read returns the request, or undefined if there is none. */
export type CallReader = GroupCommit<Scheduled, CallTarget | undefined>

/** A worker has at most WORKER_CONCURRENCY (1,000) calls in flight: never reached. */
const CALL_READ_BATCH_MAX = 1_000
const CALL_READS_WAITING_MAX = 10_000

/** Makes the group that reads requests for tasks. */
export function createCallReader(pool: pg.Pool, observer: GroupObserver): CallReader {
  const read = (calls: Scheduled[]) => findCallTargets(pool, calls)
  return new GroupCommit(read, {
    batchSizeMax: CALL_READ_BATCH_MAX,
    waitingMax: CALL_READS_WAITING_MAX,
    ...observer,
  })
}

/**
 * Reads the request of a scheduled supplier call.
 *
 * @returns null if the call is outdated: its request no longer waits, or waits for a later call
 */
export async function findSupplierCall(
  { groups }: { groups: { findSupplierCall: CallReader } },
  call: Scheduled,
): Promise<CallTarget | null> {
  const target = await groups.findSupplierCall.submit(call)
  return target && isOpen(target) && target.step === call.step ? target : null
}
