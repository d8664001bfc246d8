import { GroupCommit } from '../../database/group-commit.ts'
import type { Caller } from '../../domain/caller.ts'
import type { SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import type { OrderJob } from '../../domain/upkeep/jobs.ts'
import { findHoldings, type Holding } from '../../sql/stock/ledger/find-holdings.ts'
import { findRequestsOf, type RequestKey } from '../../sql/supplier/supplier-requests.ts'
import type { ReadContext } from '../context.ts'
import { createMovementPageReader, type MovementPageReader } from '../stock/list-movements.ts'
import { sumWaiting } from '../stock/list-waiting-orders.ts'
import { listJobsOf } from '../upkeep/list-jobs.ts'

/** Lines or orders of one statement: a reply of about 250 kB. */
const PARTS_BATCH_MAX = 1_000
/** What a page of orders of the largest size comes to, twice over. */
const PARTS_WAITING_MAX = 20_000

/**
 * Groups in which what one operation asks for shares a statement, however many orders and items its answer holds. A group is
 * made when it is first asked for: a stream asks for none.
 */
export class OperationReads {
  readonly #context: ReadContext
  readonly #caller: Caller
  #movementPages: MovementPageReader | undefined
  #allocations: GroupCommit<RequestKey, Holding[]> | undefined
  #supplierRequests: GroupCommit<string, SupplierRequest[]> | undefined
  #backordered: GroupCommit<string, bigint> | undefined
  #jobs: GroupCommit<string, OrderJob[] | null> | undefined
  readonly #places = new WeakMap<object, GroupCommit<string, unknown>>()

  constructor(context: ReadContext, caller: Caller) {
    this.#context = context
    this.#caller = caller
  }

  /** Pages of ledgers. */
  get movementPages(): MovementPageReader {
    this.#movementPages ??= createMovementPageReader(this.#context, this.#caller)
    return this.#movementPages
  }

  /** Where what is reserved for a line is held. It checks no rights. */
  get allocations(): GroupCommit<RequestKey, Holding[]> {
    this.#allocations ??= groupOf(async (lines) => {
      const ids = new Set(lines.map(({ orderId }) => orderId))
      const nameOf = ({ orderId, sku }: RequestKey) => `${orderId} ${sku}`
      const heldFor = Map.groupBy(await findHoldings(this.#context.pool, [...ids]), nameOf)
      return lines.map((line) => heldFor.get(nameOf(line)) ?? [])
    })
    return this.#allocations
  }

  /** What suppliers were asked for an order. It checks no rights. */
  get supplierRequests(): GroupCommit<string, SupplierRequest[]> {
    this.#supplierRequests ??= groupOf(async (ids) => {
      const requests = await findRequestsOf(this.#context.pool, [...new Set(ids)])
      const requestsOf = Map.groupBy(requests, ({ orderId }) => orderId)
      return ids.map((id) => requestsOf.get(id) ?? [])
    })
    return this.#supplierRequests
  }

  /** The jobs that name an order; null if the queue is too long to be searched. It checks no rights. */
  get jobs(): GroupCommit<string, OrderJob[] | null> {
    this.#jobs ??= groupOf(async (ids) => {
      const jobs = await listJobsOf(this.#context, [...new Set(ids)])
      const jobsOf = jobs && Map.groupBy(jobs, ({ orderId }) => orderId)
      return ids.map((id) => jobsOf && (jobsOf.get(id) ?? []))
    })
    return this.#jobs
  }

  /** What orders wait for of a SKU. */
  get backordered(): GroupCommit<string, bigint> {
    this.#backordered ??= groupOf(async (skus) => {
      const sums = await sumWaiting(this.#context, this.#caller, skus)
      return skus.map((sku) => sums.get(sku) ?? 0n)
    })
    return this.#backordered
  }

  /**
   * What is read by keys at a place in the answer, whatever that is: for all objects there by one statement.
   *
   * @param place the same object for all that is read together, and always with the same `read`
   * @param read returns a result for each key, in their order; a key may come twice
   */
  at<Result>(place: object, read: (keys: string[]) => Promise<Result[]>): GroupCommit<string, Result> {
    let group = this.#places.get(place) as GroupCommit<string, Result> | undefined
    if (!group) {
      group = new GroupCommit(read, { batchSizeMax: PARTS_WAITING_MAX, waitingMax: PARTS_WAITING_MAX })
      this.#places.set(place, group as GroupCommit<string, unknown>)
    }
    return group
  }
}

function groupOf<Item, Result>(read: (items: Item[]) => Promise<Result[]>): GroupCommit<Item, Result> {
  return new GroupCommit(read, { batchSizeMax: PARTS_BATCH_MAX, waitingMax: PARTS_WAITING_MAX })
}
