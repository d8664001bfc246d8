import type { OrderFeed } from './feed/order-feed.ts'
import type { HttpApp } from './http/http-server.ts'
import type { Tracing } from './observability/traces/trace-hooks.ts'
import type { WorkerApp } from './tasks/worker.ts'
import type { SettleContext } from './use-cases/supplier/settle-supplier-outcomes.ts'

/**
 * The whole application, one in a process, made by `createApp`. No room imports it: each room declares the part that it is
 * handed.
 */
export type App = HttpApp & WorkerApp & SettleContext & { feed: OrderFeed; tracing?: Tracing | undefined }
