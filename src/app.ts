import type { OrderFeed } from './feed/order-feed.ts'
import type { HttpApp } from './http/http-server.ts'
import type { Tracing } from './observability/traces/trace-hooks.ts'
import type { WorkerApp } from './tasks/worker.ts'
import type { OrderReader } from './use-cases/orders/find-order.ts'
import type { ReserveContext } from './use-cases/orders/reserve-inventory.ts'
import type { ChangeContext } from './use-cases/orders/verbs/order-call.ts'
import type { SettleContext } from './use-cases/supplier/settle-supplier-outcomes.ts'

/**
 * All that the composition root puts together, one per process. Nothing below knows it: each room declares the part that
 * it is handed.
 */
export type App = HttpApp &
  WorkerApp &
  ReserveContext &
  ChangeContext &
  SettleContext & { groups: { findOrder: OrderReader }; feed: OrderFeed; tracing?: Tracing | undefined }
