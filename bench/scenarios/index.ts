import type { Scenario } from '../scenario.ts'
import { scenario as changeOrders } from './change-orders.ts'
import { scenario as consoleStart } from './console-start.ts'
import { scenario as createLines } from './create-lines.ts'
import { scenario as createOrderAtRest } from './create-order-at-rest.ts'
import { scenario as createOrderGraphql } from './create-order-graphql.ts'
import { scenario as createOrderRest } from './create-order-rest.ts'
import { scenario as createOrderTraced } from './create-order-traced.ts'
import { scenario as csvImport } from './csv-import.ts'
import { scenario as growth } from './growth.ts'
import { scenario as leftBacklog } from './left-backlog.ts'
import { scenario as memory } from './memory.ts'
import { scenario as mixedLoad } from './mixed-load.ts'
import { scenario as overload } from './overload.ts'
import { scenario as processes } from './processes.ts'
import { scenario as recheckLateness } from './recheck-lateness.ts'
import { scenario as reserveBacklog } from './reserve-backlog.ts'
import { scenario as reserveLines } from './reserve-lines.ts'
import { scenario as reserveLocations } from './reserve-locations.ts'
import { scenario as stockStreams } from './stock-streams.ts'
import { scenario as waitingOrders } from './waiting-orders.ts'
import { scenario as watchLatency } from './watch-latency.ts'
import { scenario as watchers } from './watchers.ts'
import { scenario as webhooks } from './webhooks.ts'

/** Every benchmark, in the order in which they run and are shown. */
export const scenarios: readonly Scenario[] = [
  createOrderGraphql,
  createOrderRest,
  createOrderAtRest,
  createOrderTraced,
  createLines,
  changeOrders,
  csvImport,
  reserveBacklog,
  reserveLines,
  reserveLocations,
  leftBacklog,
  waitingOrders,
  mixedLoad,
  watchLatency,
  recheckLateness,
  watchers,
  stockStreams,
  webhooks,
  consoleStart,
  growth,
  memory,
  overload,
  processes,
]
