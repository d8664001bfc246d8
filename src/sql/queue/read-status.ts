import { ORDER_STATUSES, type OrderStatus } from '../../domain/orders/order-status.ts'
import {
  COUNTED_MAX,
  NEWEST_MAX,
  PACE_WINDOW_S,
  type StatusReading,
} from '../../domain/upkeep/service-status.ts'
import { limitStatements, prepare, type Queryable } from '../statement.ts'

// This reads the columns of graphile-worker's private table that are in its index jobs_main_index: priority (ours is 0), time
// and task of the jobs that nobody holds. A test pins the columns and checks the plan.

/**
 * Reads the state of the service in one statement. It takes 6 ms with a million orders and as many jobs, because each part is
 * read by an index, up to COUNTED_MAX.
 *
 * @throws {pg.DatabaseError} 57014 after `timeoutMs`
 */
export async function readStatus(tx: Queryable, timeoutMs: number): Promise<StatusReading> {
  const [, [row]] = await Promise.all([
    limitStatements(tx, timeoutMs),
    read(tx, COUNTED_MAX + 1, ORDER_STATUSES, NEWEST_MAX),
  ])
  return {
    ...row!,
    workers: row!.workers.map(({ startedAt, lastBeatAt, ...worker }) => {
      return { ...worker, startedAt: new Date(startedAt), lastBeatAt: new Date(lastBeatAt) }
    }),
  }
}

/** Times come in JSON, as text. */
type Row = Omit<StatusReading, 'workers'> & {
  workers: (Omit<StatusReading['workers'][number], 'startedAt' | 'lastBeatAt'> & {
    startedAt: string
    lastBeatAt: string
  })[]
}

/** The first orders of a state, from the index of those that are open or from that of the others. */
function inEitherIndex(columns: string, limit: string): string {
  const range = (condition: string) => `(
        select ${columns} from orders
        where (orders.status, id) >= (listed.status, '00000000-0000-0000-0000-000000000000') and orders.status <= listed.status
          and orders.status ${condition}
        order by orders.status, id limit ${limit}
      )`
  return `${range("< 'FAILED'")} union all ${range(">= 'FAILED'")}`
}

const read = prepare<[countMax: number, statuses: readonly OrderStatus[], newestMax: number], Row>(
  'read-status',
  `with ready as (
    select task_id, count(*) as count, min(run_at) as since from (
      select task_id, run_at from graphile_worker._private_jobs
      where is_available = true and priority = 0 and run_at <= now()
      order by priority, run_at limit $1
    ) as first group by task_id
  ), scheduled as (
    select task_id, count(*) as count from (
      select task_id from graphile_worker._private_jobs
      where is_available = true and priority = 0 and run_at > now()
      order by priority, run_at limit $1
    ) as first group by task_id
  ), listed as (
    -- a range of one state, in an order that only the indexes by state have: otherwise PostgreSQL may walk the primary key for
    -- the first few, and so the whole table if there are none (330 ms with a million orders). It compares rows, because for a
    -- range of the state alone PostgreSQL expects few rows and sorts them
    select status, counted.count, oldest.created_at as since
    from unnest($2::order_status[]) as listed (status)
    cross join lateral (
      select count(*) as count from (${inEitherIndex('', '$1')}) as first
    ) as counted
    left join lateral (${inEitherIndex('created_at', '1')}) as oldest on true
  ), newest as (
    -- ids begin with the time
    select status, created_at from orders order by id desc limit $3
  )
  select
    (
      select coalesce(json_agg(json_build_object(
        'task', identifier, 'count', count, 'oldestAgeS', extract(epoch from now() - since)
      )), '[]') from ready join graphile_worker._private_tasks as tasks on tasks.id = task_id
    ) as ready,
    (
      select coalesce(json_agg(json_build_object('task', identifier, 'count', count)), '[]')
      from scheduled join graphile_worker._private_tasks as tasks on tasks.id = task_id
    ) as scheduled,
    (
      select coalesce(json_agg(json_build_object(
        'id', id, 'startedAt', started_at, 'lastBeatAt', seen_at, 'silentMs', 1000 * extract(epoch from now() - seen_at),
        'circuit', circuit, 'jobsHeld', jobs_held
      ) order by started_at, id), '[]') from workers
    ) as workers,
    json_build_object(
      'count', (select count(*) from (select from dead_letters where retried_at is null order by retried_at, id limit $1) as first),
      'estimate', (select reltuples from pg_class where oid = 'dead_letters_open_idx'::regclass)
    ) as "deadLetters",
    (
      select json_agg(json_build_object(
        'status', status, 'count', count, 'oldestAgeS', extract(epoch from now() - since)
      )) from listed
    ) as orders,
    (
      select json_build_object(
        'count', count(*),
        'inWindow', count(*) filter (where created_at > now() - ${PACE_WINDOW_S} * interval '1 s'),
        'oldestAgeS', extract(epoch from now() - min(created_at))
      ) from newest
    ) as newest,
    (
      select coalesce(json_object_agg(status, count), '{}')
      from (select status, count(*) as count from newest group by status) as counted
    ) as "newestByStatus",
    json_build_object(
      'count', (select count(*) from (select from items where is_low order by sku limit $1) as first),
      'estimate', (select reltuples from pg_class where oid = 'items_low_idx'::regclass)
    ) as "lowItems",
    json_build_object(
      'count', (
        select count(*) from (
          select from orders where expires_at is not null and status < 'FAILED' order by expires_at limit $1
        ) as first
      ),
      'estimate', (select reltuples from pg_class where oid = 'orders_expires_at_idx'::regclass),
      'overdueS', (
        select extract(epoch from clock_timestamp() - min(expires_at))
        from orders where expires_at is not null and status < 'FAILED'
      )
    ) as holds,
    (
      select extract(epoch from now() - asked_at)::float8 from supplier_requests
      where ended_at is null order by order_id, sku limit 1
    ) as "oldestRequestAgeS",
    (select extract(epoch from now() - min(since))::float8 from serving) as "oldestMarkAgeS",
    (select reltuples from pg_class where oid = 'orders'::regclass) as "ordersEstimate",
    (
      select coalesce(json_object_agg(status, share), '{}')
      from pg_stats, unnest(most_common_vals::text::text[], most_common_freqs) as common (status, share)
      where schemaname = current_schema() and tablename = 'orders' and attname = 'status'
    ) as "orderShares"`,
)
