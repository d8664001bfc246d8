import type { OrderEventType } from '../../src/domain/orders/order-status.ts'
import type { MovementType } from '../../src/domain/stock/stock.ts'
import type { SupplierPolicy } from '../../src/domain/supplier/supplier-policy.ts'
import type { ModelLevel, Piece } from './allocate.ts'
import {
  levelKey,
  type ModelJob,
  type ModelKey,
  type ModelLetter,
  type ModelOrder,
  type ModelRequest,
  type ModelShipment,
  statusOf,
} from './model-data.ts'

/** All that a model knows. */
type State = Pick<
  StockModel,
  | 'items'
  | 'locations'
  | 'levels'
  | 'safety'
  | 'orders'
  | 'ledger'
  | 'requests'
  | 'shipments'
  | 'jobs'
  | 'keys'
  | 'letters'
>

/**
 * What Holdfast promises, in memory, one thing after the other: no transactions, no batches, no locks. It shares no code
 * with what it is compared to. Ids of orders are the application's: it says what happens to an order, not what it is called.
 */
export class StockModel {
  items: string[] = []
  locations = new Map([['MAIN', { priority: 100, isActive: true }]])
  /** By `levelKey`. One that was never moved is not there. */
  levels = new Map<string, ModelLevel>()
  /** What of a level is never promised, by `levelKey`. */
  safety = new Map<string, number>()
  /** In the order in which the test learnt of them. Their turn is that of their ids. */
  orders: ModelOrder[] = []
  ledger: (Piece & {
    type: string
    delta: number
    reservedDelta: number
    availableAfter: number
    reservedAfter: number
    orderId: string | null
    version: number | null
  })[] = []
  requests: ModelRequest[] = []
  /** Oldest first. */
  shipments: ModelShipment[] = []
  /** A multiset: the same job may wait twice. Jobs of one order are oldest first. */
  jobs: ModelJob[] = []
  /** What a caller's key stands for, by `keyOf`. */
  keys = new Map<string, ModelKey>()
  letters: ModelLetter[] = []
  readonly policy: SupplierPolicy
  readonly random: number

  /** @param random what the application's `random` gives, each time */
  constructor(policy: SupplierPolicy, random: number) {
    this.policy = policy
    this.random = random
  }

  /** Another model that knows the same, and goes its own way from here. */
  copy(): StockModel {
    return new StockModel(this.policy, this.random).become(this)
  }

  /** Knows from now on what another knows, and nothing else. */
  become(other: State): this {
    const { items, locations, levels, safety, orders, ledger, requests, shipments, jobs, keys, letters } =
      other
    const state = {
      items,
      locations,
      levels,
      safety,
      orders,
      ledger,
      requests,
      shipments,
      jobs,
      keys,
      letters,
    }
    return Object.assign(this, structuredClone(state))
  }

  addItem(sku: string, available: number): void {
    this.items.push(sku)
    if (available > 0) this.move('RECEIPT', { sku, location: 'MAIN', qty: available })
  }

  saveLocation(code: string, priority: number, isActive: boolean): string | null {
    if (code === 'MAIN' && !isActive) return 'LOCATION_IN_USE'
    this.locations.set(code, { priority, isActive })
    return null
  }

  find(orderId: string): ModelOrder | undefined {
    return this.orders.find((order) => order.id === orderId)
  }

  request(orderId: string, sku: string): ModelRequest | undefined {
    return this.requests.find((request) => request.orderId === orderId && request.sku === sku)
  }

  level(sku: string, location: string): ModelLevel {
    return this.levels.get(levelKey(sku, location)) ?? { available: 0, reserved: 0 }
  }

  /** What of a level can be promised to orders. */
  promisableAt(key: string): number {
    return Math.max(0, (this.levels.get(key)?.available ?? 0) - (this.safety.get(key) ?? 0))
  }

  /** Where an order holds what it has reserved. */
  heldBy(order: ModelOrder, sku: string): Piece[] {
    const held = new Map<string, number>()
    for (const { orderId, location, sku: moved, reservedDelta } of this.ledger) {
      if (orderId !== order.id || moved !== sku) continue
      held.set(location, (held.get(location) ?? 0) + reservedDelta)
    }
    return [...held].map(([location, qty]) => ({ sku, location, qty })).filter(({ qty }) => qty > 0)
  }

  /** One job for all orders that a commit has created. */
  enqueueCommit(orderIds: readonly string[]): void {
    if (orderIds.length > 0) this.enqueueReservation(orderIds)
  }

  /** A job of several orders gives way to one of each: all are as before, and none is to blame for another. */
  split(orderIds: readonly string[]): void {
    for (const orderId of orderIds) this.enqueueReservation([orderId])
  }

  removeJobs(jobs: readonly ModelJob[]): void {
    for (const job of jobs) this.jobs.splice(this.jobs.indexOf(job), 1)
  }

  /** What an order becomes, after its lines have changed: its status follows from them. */
  transition(
    order: ModelOrder,
    type: OrderEventType,
    { lookedAt = order.lookedAt, ending = null, failureReason = null }: Partial<ModelOrder> = {},
  ): void {
    const from = order.status
    Object.assign(order, { lookedAt, failureReason, version: order.version + 1 })
    order.status = statusOf(order, ending)
    order.ending = order.status === ending ? ending : null
    order.events.push({ type, from, to: order.status, reason: failureReason })
  }

  /** Changes a level by a movement. `version`: the one of the order that it is for, if it makes one. */
  move(
    type: MovementType,
    { sku, location, qty }: Piece,
    order?: ModelOrder,
    version: number | null = null,
  ): void {
    const [delta, reservedDelta] = MOVES[type].map((sign) => sign * qty || 0) as [number, number]
    const { available, reserved } = this.level(sku, location)
    const after = { available: available + delta, reserved: reserved + reservedDelta }
    this.levels.set(levelKey(sku, location), after)
    this.ledger.push({
      sku,
      location,
      qty,
      type,
      delta,
      reservedDelta,
      availableAfter: after.available,
      reservedAfter: after.reserved,
      orderId: order?.id ?? null,
      version,
    })
  }

  enqueueCall({ orderId, sku, step, ref }: ModelRequest, delayMs: number): void {
    const task = ref === null ? 'request-supplier' : 'check-supplier-status'
    this.jobs.push({ task, orderIds: [orderId], sku, step, delayMs })
  }

  enqueueReservation(orderIds: readonly string[]): void {
    const task = 'reserve-inventory'
    this.jobs.push({ task, orderIds: [...orderIds], sku: null, step: null, delayMs: 0 })
  }
}

/** What a movement of one piece adds to what is available, and to what is reserved. */
const MOVES: Record<MovementType, [available: number, reserved: number]> = {
  RECEIPT: [1, 0],
  SUPPLIER_RECEIPT: [1, 0],
  ADJUSTMENT: [1, 0],
  RETURN: [1, 0],
  RESERVATION: [-1, 1],
  RELEASE: [1, -1],
  SHIPMENT: [0, -1],
  SHIPMENT_UNDONE: [0, 1],
  TRANSFER_OUT: [-1, 0],
  TRANSFER_IN: [1, 0],
  COUNT: [1, 0],
}
