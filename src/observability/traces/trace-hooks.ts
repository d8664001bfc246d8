import type { GroupTracing } from '../../database/group-commit.ts'
import type { TransactionTracing } from '../../database/transaction.ts'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import type { FeedTracing } from '../../feed/order-feed.ts'
import type { RequestTracing } from '../../http/requests/request-id.ts'
import type { FieldTracing } from '../../schema/create-context.ts'
import type { Supplier } from '../../supplier/contract.ts'
import type { JobTracing } from '../../tasks/job-observer.ts'

/**
 * Everything that traces are made of: each room declares the hooks that it calls. Types alone: what is behind them is
 * loaded where there are traces, and nothing of it where there are none.
 */
export type Tracing = RequestTracing &
  FieldTracing &
  TransactionTracing &
  JobTracing &
  FeedTracing & {
    /** @param useCase what items of a group commit are seen as; without it they are not */
    group(useCase?: string): GroupTracing
    supplier<S extends Supplier>(supplier: S): S
    /** Hears of events before anybody else: what is delivered later is part of the same trace. */
    onEvents(events: readonly OrderEvent[]): void
  }
