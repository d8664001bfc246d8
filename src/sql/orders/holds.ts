import { prepare, type Queryable } from '../statement.ts'

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

/**
 * Locks holds that have expired, those first that did first. One that somebody else has locked is left to the next look, so
 * that several workers share them.
 *
 * @returns their ids
 */
export async function lockExpired(on: Queryable, limit: number): Promise<string[]> {
  const rows = await lock(on, limit)
  return rows.map(({ id }) => id)
}

// the time is a subquery, read once: called for each row it would be no bound of the index, and every open hold be read
const lock = prepare<[limit: number], { id: string }>(
  'lock-expired',
  `select id from orders
  where expires_at is not null and expires_at <= (select clock_timestamp()) and status < 'FAILED'
  order by expires_at
  limit $1
  for update skip locked`,
)
