import { Gauge, Histogram, type Registry } from 'prom-client'
import type { BatchRun } from '../../database/group-commit.ts'
import { CALLS_UNDER_WAY_MAX } from '../../limits.ts'
import { READ_BATCH_MAX } from '../../use-cases/orders/find-order.ts'
import { RESERVE_BATCH_MAX } from '../../use-cases/orders/reserve-inventory.ts'
import { WORK_BUCKETS_S } from './measure-transactions.ts'

const BATCHES = {
  createOrder: 'create-order',
  reserveInventory: 'reserve-inventory',
  settleSupplierOutcome: 'settle-supplier-outcome',
  settleAttempt: 'settle-try',
  changeOrder: 'change-order',
  findOrder: 'find-order',
  findSupplierCall: 'find-supplier-call',
}

export type GroupName = keyof typeof BATCHES

/** From one item, as at rest, to the largest batch of reservations and reads. */
const SIZE_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, CALLS_UNDER_WAY_MAX, RESERVE_BATCH_MAX, READ_BATCH_MAX]

/** The groups, with the number of items that wait in each. */
export type Groups = Record<GroupName, { waitingCount: number }>

/**
 * Shows how far work of many callers comes together, and how long it takes then.
 */
export function measureBatches(
  registry: Registry,
  groups: () => Groups,
): (group: GroupName, run: BatchRun) => void {
  const registers = [registry]
  const size = new Histogram({
    name: 'holdfast_batch_size',
    help: 'Items that shared a transaction or a read, committed or failed',
    labelNames: ['batch'],
    buckets: SIZE_BUCKETS,
    registers,
  })
  const duration = new Histogram({
    name: 'holdfast_batch_duration_seconds',
    help: 'Time from the start of a batch to its commit or failure, without the time its items waited',
    labelNames: ['batch', 'outcome'],
    buckets: WORK_BUCKETS_S,
    registers,
  })
  new Gauge({
    name: 'holdfast_batch_waiting',
    help: 'Items waiting for a batch, without the batch in flight',
    labelNames: ['batch'],
    registers,
    collect() {
      for (const [name, { waitingCount }] of entries(groups())) {
        this.set({ batch: BATCHES[name] }, waitingCount)
      }
    },
  })
  for (const batch of Object.values(BATCHES)) {
    size.zero({ batch })
    for (const outcome of ['committed', 'failed'] satisfies BatchRun['outcome'][]) {
      duration.zero({ batch, outcome })
    }
  }
  return (group, run) => {
    const batch = BATCHES[group]
    size.observe({ batch }, run.size)
    duration.observe({ batch, outcome: run.outcome }, run.durationMs / 1_000)
  }
}

function entries(groups: Groups) {
  return Object.entries(groups) as [GroupName, Groups[GroupName]][]
}
