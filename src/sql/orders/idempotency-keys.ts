import { plainArray, prepare, type Queryable, sparseArray } from '../statement.ts'

/** A caller's name for one call. */
export type CallKey = { caller: string; key: string }

/** What a caller did under an idempotency key. */
export type KeyRecord = {
  verb: string
  /** Of the input: another input under the same key is refused. */
  fingerprint: string
  /** The order that it changed; null for a change of stock. */
  orderId: string | null
  /** Shipments that it made. */
  shipmentIds: readonly string[]
  /** What a change of stock made, as JSON; null for a change of an order. */
  made: object | null
}

/** Reads what callers did under keys. @returns in the order of the keys; undefined for one that is free */
export async function findKeys(on: Queryable, keys: readonly CallKey[]): Promise<(KeyRecord | undefined)[]> {
  const rows = await find(
    on,
    keys.map(({ caller }) => caller),
    keys.map(({ key }) => key),
  )
  const results = new Map(rows.map(({ ordinal, ...result }) => [Number(ordinal), result]))
  return keys.map((_, index) => results.get(index + 1))
}

const find = prepare<[callers: string[], keys: string[]], KeyRecord & { ordinal: bigint }>(
  'find-keys',
  `select
    wanted.ordinal, keys.verb, keys.fingerprint, keys.order_id as "orderId",
    coalesce(keys.shipment_ids, '{}') as "shipmentIds", keys.made
  from unnest($1::text[], $2::text[]) with ordinality as wanted (caller, key, ordinal)
  join idempotency_keys as keys on keys.caller = wanted.caller and keys.key = wanted.key`,
)

/**
 * Notes what callers do under keys, no key twice.
 *
 * @returns how many were free: if not all were, nothing may be committed
 */
export async function insertKeys(
  on: Queryable,
  keys: readonly (CallKey & KeyRecord)[],
  createdAt: Date,
): Promise<number> {
  if (keys.length === 0) return 0
  const [row] = await insert(
    on,
    keys.map(({ caller }) => caller),
    keys.map(({ key }) => key),
    keys.map(({ verb }) => verb),
    keys.map(({ fingerprint }) => fingerprint),
    plainArray(keys.map(({ orderId }) => orderId)),
    sparseArray(keys.map(({ shipmentIds }) => (shipmentIds.length > 0 ? plainArray(shipmentIds) : null))),
    createdAt,
    sparseArray(keys.map(({ made }) => made && JSON.stringify(made))),
  )
  return row!.inserted
}

// in the keys' order, as insert-orders claims them
const insert = prepare<unknown[], { inserted: number }>(
  'insert-keys',
  `with inserted as (
    insert into idempotency_keys (caller, key, verb, fingerprint, order_id, shipment_ids, made, created_at)
    select caller, key, verb, fingerprint, order_id, shipment_ids::uuid[], made, $7
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[], $8::jsonb[])
      as input (caller, key, verb, fingerprint, order_id, shipment_ids, made)
    order by caller, key
    on conflict do nothing
    returning 1
  )
  select count(*)::int as inserted from inserted`,
)
