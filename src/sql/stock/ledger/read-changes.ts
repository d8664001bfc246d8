import type { Location } from '../../../domain/stock/location.ts'
import type { InventoryMovement } from '../../../domain/stock/stock.ts'
import type { InventoryChange } from '../../../domain/stock/thresholds.ts'
import { prepare, type Queryable } from '../../statement.ts'
import { movementColumns } from './find-movements.ts'

/**
 * A place in the stream: its number, and when its movement was written. Together they say which movement it is: in a database that
 * was set back, another movement gets the same number later.
 */
export type StreamPlace = { position: bigint; writtenAt: Date }

/** Before the first movement of any ledger. */
export const LEDGER_START: StreamPlace = { position: 0n, writtenAt: new Date(0) }

/** Reads the last place up to a number. */
export async function findLastPlace(on: Queryable, upTo: bigint): Promise<StreamPlace> {
  return (await findLast(on, upTo))[0] ?? LEDGER_START
}

const findLast = prepare<[upTo: bigint], StreamPlace>(
  'find-last-place',
  `select * from (
    (
      select id as position, created_at as "writtenAt" from inventory_movements
      where id <= $1 order by id desc limit 1
    )
    union all
    (
      select crossed_id, created_at from inventory_movements
      where crossed_id <= $1 order by crossed_id desc limit 1
    )
  ) as place
  order by position desc limit 1`,
)

/** Returns whether this ledger has a place, and not another movement there. */
export async function hasPlace(on: Queryable, { position, writtenAt }: StreamPlace): Promise<boolean> {
  if (position === LEDGER_START.position) return true
  return (await findPlace(on, position, writtenAt)).length > 0
}

const findPlace = prepare<[position: bigint, writtenAt: Date]>(
  'find-place',
  `select from inventory_movements where id = $1 and created_at = $2
  union all
  select from inventory_movements where crossed_id = $1 and created_at = $2`,
)

/** Which transactions were over at a moment: those below `xmin`, and those below `xmax` that are not in `running`. */
export type Snapshot = { xmin: bigint; xmax: bigint; running: ReadonlySet<bigint> }

export async function readSnapshot(on: Queryable): Promise<Snapshot> {
  const [row] = await readNow(on)
  const [xmin = '', xmax = '', running = ''] = row!.snapshot.split(':')
  return {
    xmin: BigInt(xmin),
    xmax: BigInt(xmax),
    running: new Set(running === '' ? [] : running.split(',').map(BigInt)),
  }
}

const readNow = prepare<[], { snapshot: string }>(
  'read-snapshot',
  'select pg_current_snapshot()::text as snapshot',
)

/** Whether a transaction was over when the snapshot was taken. */
export function isOverIn({ xmin, xmax, running }: Snapshot, xid: bigint): boolean {
  return xid < xmin || (xid < xmax && !running.has(xid))
}

/**
 * Reads the changes of stock between two positions of the stream, the second included, in their order.
 *
 * @param sizeMax of one page: if it is full, more may follow
 */
export async function readChanges(
  on: Queryable,
  { after, end, sizeMax }: { after: bigint; end: bigint; sizeMax: number },
): Promise<InventoryChange[]> {
  const rows = await read(on, after, end, sizeMax)
  return rows.map(
    ({ position, xid, availableToPromise, crossed, name, priority, isActive, ...movement }) => ({
      position,
      xid,
      movement,
      isRepeat: position !== movement.id,
      location: { code: movement.location, name, priority, isActive },
      availableToPromise,
      crossed,
    }),
  )
}

type Row = InventoryMovement &
  Omit<Location, 'code'> &
  Pick<InventoryChange, 'position' | 'xid' | 'availableToPromise' | 'crossed'>

// lateral: levels are found by the SKUs of the page, and never all read
const read = prepare<[after: bigint, end: bigint, sizeMax: number], Row>(
  'read-changes',
  `with page as (
    select * from (
      (
        select id as position, * from inventory_movements where id > $1 and id <= $2 order by id limit $3
      )
      union all
      (
        select crossed_id as position, * from inventory_movements where crossed_id > $1 and crossed_id <= $2
        order by crossed_id limit $3
      )
    ) as place
    order by position limit $3
  )
  select
    page.position, page.xid::text::bigint as xid, ${movementColumns('page')},
    case when page.position = coalesce(page.crossed_id, page.id) then coalesce(page.crossed::text[], '{}') else '{}' end as crossed,
    promisable.qty as "availableToPromise", locations.name, locations.priority, locations.is_active as "isActive"
  from page
  join locations on locations.code = page.location
  join (
    select wanted.sku, sum.qty
    from (select distinct sku from page) as wanted
    cross join lateral (
      select coalesce(sum(greatest(stock_levels.available - stock_levels.safety_stock, 0)), 0)::bigint as qty
      from stock_levels join locations on locations.code = stock_levels.location
      where stock_levels.sku = wanted.sku and locations.is_active
    ) as sum
  ) as promisable on promisable.sku = page.sku
  order by page.position`,
)
