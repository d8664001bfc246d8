import type { Location } from '../../../domain/stock/location.ts'
import type { InventoryMovement } from '../../../domain/stock/stock.ts'
import type { InventoryChange } from '../../../domain/stock/thresholds.ts'
import { prepare, type Queryable } from '../../statement.ts'
import { MOVEMENT_COLUMNS } from './find-movements.ts'

// The stream of changes is the ledger in the order of its ids (docs/decisions/0016-stock-stream-by-id.md). An id is drawn before its
// commit, so the ledger is only read up to where it is final: where nobody who has drawn an id is still under way. That is known
// of the last id that was drawn, once every transaction is over whose xid is below one that was drawn after it: who moves stock
// has locked its level before, and so has an xid before it draws an id.

/** Reads the last number of the ledger's sequence that was drawn. */
export async function readLedgerEnd(on: Queryable): Promise<bigint> {
  const [row] = await readEnd(on)
  return row!.end
}

// a sequence has no snapshot: it is read as it is at that moment
const readEnd = prepare<[], { end: bigint }>(
  'read-ledger-end',
  `select case when is_called then last_value else 0 end as end from inventory_movements_id_seq`,
)

/**
 * Draws an xid: who draws one later has a higher one. Numbers that were drawn from the ledger's sequence before are on disk then,
 * and with a synchronous standby there too: no crash has them drawn again.
 */
export async function drawXid(on: Queryable): Promise<bigint> {
  const [row] = await draw(on)
  return row!.xid
}

// pg_snapshot_xmax would not do: transactions beyond it may have begun. A transaction that writes nothing is not waited for on disk,
// and nor are numbers of those that were rolled back: so it writes an empty message into the log, which nobody reads.
const draw = prepare<[], { xid: bigint }>(
  'draw-xid',
  `select pg_current_xact_id()::text::bigint as xid, pg_logical_emit_message(true, 'holdfast', '')`,
)

/**
 * Looks for transactions under way that began before the one with this xid and may move our stock: those of other databases
 * cannot. Of another role's it is not known where they are, unless ours may read all statistics (pg_read_all_stats).
 *
 * @returns `behind` of a server that has not come so far: a replica took over
 */
export async function lookBelow(on: Queryable, xid: bigint): Promise<'over' | 'under-way' | 'behind'> {
  const [row] = await look(on, xid)
  if (row!.isBehind) return 'behind'
  return row!.isOver ? 'over' : 'under-way'
}

const look = prepare<[xid: bigint], { isBehind: boolean; isOver: boolean }>(
  'look-below-xid',
  `select
    pg_snapshot_xmax(snapshot) <= $1::text::xid8 as "isBehind",
    not exists (
      select from pg_snapshot_xip(snapshot) as running (xid)
      where running.xid < $1::text::xid8 and not exists (
        select from pg_stat_activity as other
        where other.backend_xid = running.xid::xid
          and other.datid <> (select oid from pg_database where datname = current_database())
      )
    ) as "isOver"
  from pg_current_snapshot() as snapshot`,
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
 * Reads changes of stock behind a position of the stream, up to another and itself, in their order.
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
    page.position, page.xid::text::bigint as xid, ${MOVEMENT_COLUMNS.replaceAll(/\b(id|sku)\b(?=,)/g, 'page.$1')},
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
