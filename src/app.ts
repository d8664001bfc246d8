import type { Registry } from 'prom-client'
import type { GroupCommit } from './database/group-commit.ts'
import type { TransactionContext } from './database/transaction.ts'
import type { Order } from './domain/orders/order.ts'
import type { SupplierOutcome, SupplierPolicy } from './domain/supplier/supplier-policy.ts'
import type { JobRun, JobTry, OrderRef } from './domain/upkeep/jobs.ts'
import type { UpkeepNews } from './domain/upkeep/upkeep.ts'
import type { OrderFeed } from './feed/order-feed.ts'
import type { PrismaClient } from './generated/prisma/client.ts'
import type { CallsUnderWay } from './http/overload/calls-under-way.ts'
import type { OrderLimiter } from './rate-limit/order-limiter.ts'
import type { Insertion } from './sql/orders/insert-orders.ts'
import type { HeadStart } from './tasks/head-start.ts'
import type { RequestedOrder } from './use-cases/orders/create-orders.ts'
import type { ReservationRequest } from './use-cases/orders/reserve-inventory.ts'

/** What every use-case works with. The composition root makes one per process, a test one per file. */
export type App = TransactionContext & {
  /** For connections of their own, beside those of the pool. */
  databaseUrl: string
  prisma: PrismaClient
  now: () => Date
  /** Hears of every call that was refused for want of time. */
  onRefusal: (by: RefusedBy) => void
  /** Which calls this process is answering. */
  calls: CallsUnderWay
  /** A number in [0, 1). */
  random: () => number
  supplierPolicy: SupplierPolicy
  /** How often each caller may order; undefined where any number of times. */
  orderLimiter: OrderLimiter | undefined
  feed: OrderFeed
  metrics: Registry
  /** Reserves what this process creates, where a worker runs in it. */
  headStart?: HeadStart | undefined
  /** Hears of each run of a job, once it is over. */
  onJobRun: (run: JobRun) => void
  /** Hears of what the service had to mend, and of what it cannot. */
  onUpkeep: (news: UpkeepNews) => void
  /** Where work of many callers comes together to share transactions. */
  groups: {
    findOrder: GroupCommit<string, Order | undefined>
    createOrder: GroupCommit<RequestedOrder, Insertion>
    /** An item is a job's orders. */
    reserveInventory: GroupCommit<readonly ReservationRequest[], undefined>
    settleSupplierOutcome: GroupCommit<SettledCall, undefined>
  }
}

/** What refuses a call: that too many are under way, or that an order would wait for too long for its commit. */
export type RefusedBy = 'calls' | 'intake'

/** A call to the supplier that has ended, for the order's step that it was made for, and the run of a job that made it. */
export type SettledCall = OrderRef & { step: number; outcome: SupplierOutcome; job?: JobTry }
