import type { SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

/** What names a request. */
export type RequestKey = Pick<SupplierRequest, 'orderId' | 'sku'>

/** The columns of `supplier_requests`, as `requests`, as `SupplierRequest` names them. */
export const REQUEST_COLUMNS = `
  requests.order_id as "orderId",
  requests.sku,
  requests.qty,
  requests.supplier,
  requests.state,
  requests.ref,
  requests.step,
  requests.attempts,
  requests.rechecks,
  requests.asked_at as "askedAt",
  requests.ended_at as "endedAt"`

/** Reads everything that suppliers were asked for orders. Who holds an order's lock sees what nobody else can change. */
export function findRequestsOf(on: Queryable, orderIds: readonly string[]): Promise<SupplierRequest[]> {
  return findOf(on, plainArray(orderIds))
}

const findOf = prepare<[orderIds: string], SupplierRequest>(
  'find-requests-of',
  `select ${REQUEST_COLUMNS}
  from (select distinct unnest($1::uuid[]) as id) as wanted
  join supplier_requests as requests on requests.order_id = wanted.id
  order by requests.order_id, requests.sku`,
)

/**
 * A call to make: what it is about, how many lines the order has, by which the supplier knows it, and whether its line may still
 * wait.
 */
export type CallTarget = SupplierRequest & { lines: number; mayWait: boolean }

/**
 * Reads what scheduled calls are about.
 *
 * @param keys without a SKU where a version wrote the job whose orders had one line
 * @returns in the order of the keys; undefined where there is none
 */
export async function findCallTargets(
  on: Queryable,
  keys: readonly { orderId: string; sku?: string | undefined }[],
): Promise<(CallTarget | undefined)[]> {
  const rows = await findTargets(
    on,
    keys.map(({ orderId }) => orderId),
    keys.map(({ sku }) => sku ?? null),
  )
  const targets = new Map(rows.map(({ ordinal, ...target }) => [Number(ordinal), target]))
  return keys.map((_, index) => targets.get(index + 1))
}

const findTargets = prepare<[orderIds: string[], skus: (string | null)[]], CallTarget & { ordinal: bigint }>(
  'find-call-targets',
  `select
    wanted.ordinal, ${REQUEST_COLUMNS},
    (select count(*)::int from order_lines where order_lines.order_id = requests.order_id) as lines,
    exists (
      select from order_lines
      where order_lines.order_id = requests.order_id and order_lines.sku = requests.sku
        and order_lines.qty > order_lines.reserved + order_lines.shipped + order_lines.cancelled
    ) as "mayWait"
  from unnest($1::uuid[], $2::text[]) with ordinality as wanted (order_id, sku, ordinal)
  join supplier_requests as requests
    on requests.order_id = wanted.order_id and (wanted.sku is null or requests.sku = wanted.sku)`,
)

/** Writes requests as they now are. The caller holds the locks of their orders. */
export async function saveRequests(on: Queryable, requests: readonly SupplierRequest[]): Promise<void> {
  if (requests.length === 0) return
  await save(
    on,
    plainArray(requests.map(({ orderId }) => orderId)),
    quotedArray(requests.map(({ sku }) => sku)),
    plainArray(requests.map(({ qty }) => qty)),
    requests.map(({ supplier }) => supplier),
    plainArray(requests.map(({ state }) => state)),
    requests.map(({ ref }) => ref),
    plainArray(requests.map(({ step }) => step)),
    plainArray(requests.map(({ attempts }) => attempts)),
    plainArray(requests.map(({ rechecks }) => rechecks)),
    requests.map(({ askedAt }) => askedAt),
    requests.map(({ endedAt }) => endedAt),
  )
}

const save = prepare(
  'save-requests',
  `insert into supplier_requests (order_id, sku, qty, supplier, state, ref, step, attempts, rechecks, asked_at, ended_at)
  select * from unnest(
    $1::uuid[], $2::text[], $3::int[], $4::text[], $5::supplier_request_state[], $6::text[], $7::int[], $8::int[], $9::int[],
    $10::timestamptz[], $11::timestamptz[]
  )
  on conflict (order_id, sku) do update set
    qty = excluded.qty, supplier = excluded.supplier, state = excluded.state, ref = excluded.ref, step = excluded.step,
    attempts = excluded.attempts, rechecks = excluded.rechecks, asked_at = excluded.asked_at, ended_at = excluded.ended_at`,
)

/** Deletes requests that no supplier was asked for. The caller holds the locks of their orders. */
export async function deleteRequests(on: Queryable, requests: readonly SupplierRequest[]): Promise<void> {
  if (requests.length === 0) return
  await remove(
    on,
    plainArray(requests.map(({ orderId }) => orderId)),
    quotedArray(requests.map(({ sku }) => sku)),
    plainArray(requests.map(({ step }) => step)),
  )
}

const remove = prepare(
  'delete-requests',
  `delete from supplier_requests
  where (order_id, sku, step) in (select * from unnest($1::uuid[], $2::text[], $3::int[]))`,
)
