import type pg from 'pg'
import { GroupCommit, type GroupObserver } from '../../database/group-commit.ts'
import { isOpen } from '../../domain/supplier/supplier-request.ts'
import type { SupplierJob } from '../../domain/upkeep/jobs.ts'
import { type CallTarget, findCallTargets } from '../../sql/supplier/supplier-requests.ts'

/** A call that a job is about. */
type Scheduled = Pick<SupplierJob['payload'], 'orderId' | 'sku' | 'step'>

/** Where tasks' reads of requests come together to share a statement: each gets the request, or undefined where there is none. */
export type CallReader = GroupCommit<Scheduled, CallTarget | undefined>

/** A worker has no more calls under way than its concurrency: never reached. */
const READ_BATCH_MAX = 1_000
const READS_WAITING_MAX = 10_000

/** Makes what reads the requests that tasks are about to make calls for. */
export function createCallReader(pool: pg.Pool, observer: GroupObserver): CallReader {
  const read = (calls: Scheduled[]) => findCallTargets(pool, calls)
  return new GroupCommit(read, { batchSizeMax: READ_BATCH_MAX, waitingMax: READS_WAITING_MAX, ...observer })
}

/**
 * Finds what a scheduled call to the supplier is about.
 *
 * @returns null if the call is out of date: the request has had its last answer, or waits for a later call
 */
export async function findSupplierCall(
  { groups }: { groups: { findSupplierCall: CallReader } },
  call: Scheduled,
): Promise<CallTarget | null> {
  const target = await groups.findSupplierCall.submit(call)
  return target && isOpen(target) && target.step === call.step ? target : null
}
