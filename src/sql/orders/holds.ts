import { plainArray, prepare, type Queryable } from '../statement.ts'

/** Reads the database's time, by which holds expire, in milliseconds as they are kept. */
export async function readClock(on: Queryable): Promise<Date> {
  const [row] = await clock(on)
  return row!.now
}

const clock = prepare<[], { now: Date }>('read-clock', 'select clock_timestamp() as now')

/** Reads in how many milliseconds the next hold expires: 0 or less if one has; null if there is none. */
export async function readNextExpiry(on: Queryable): Promise<number | null> {
  const [row] = await next(on)
  return row!.inMs
}

const next = prepare<[], { inMs: number | null }>(
  'read-next-expiry',
  `select 1000 * extract(epoch from min(expires_at) - clock_timestamp())::float8 as "inMs"
  from orders where expires_at is not null and status < 'FAILED'`,
)

/** A hold that has expired, and how many lines it has. */
export type ExpiredHold = { id: string; lines: number }

/**
 * Locks holds that have expired, those first that did first. One that somebody else has locked is left to the next look, so
 * that several workers share them.
 *
 * @param except ids of holds that are left out
 */
export function lockExpired(
  on: Queryable,
  limit: number,
  except: readonly string[] = [],
): Promise<ExpiredHold[]> {
  return lock(on, limit, plainArray(except))
}

// the time is a subquery, read once: called for each row it would be no bound of the index, and every open hold be read
const lock = prepare<[limit: number, except: string], ExpiredHold>(
  'lock-expired',
  `with expired as materialized (
    select id, expires_at from orders
    where expires_at is not null and expires_at <= (select clock_timestamp()) and status < 'FAILED'
      and id <> all ($2::uuid[])
    order by expires_at
    limit $1
    for update skip locked
  )
  select id, (select count(*)::int from order_lines where order_id = expired.id) as lines
  from expired order by expires_at`,
)

/** Locks those among `ids` that are holds and have expired, as `lockExpired` does. */
export async function lockExpiredAmong(on: Queryable, ids: readonly string[]): Promise<string[]> {
  const rows = await lockAmong(on, plainArray(ids))
  return rows.map(({ id }) => id)
}

const lockAmong = prepare<[ids: string], { id: string }>(
  'lock-expired-among',
  `select orders.id from (select distinct unnest($1::uuid[]) as id) as wanted
  join orders on orders.id = wanted.id
  where expires_at <= (select clock_timestamp()) and status < 'FAILED'
  for update of orders skip locked`,
)
