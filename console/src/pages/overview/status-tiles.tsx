import type { ComponentChildren } from 'preact'
import { Sparkline } from '../../components/sparkline.tsx'
import { Age, CountOf, Num } from '../../components/values.tsx'
import { withQuery } from '../../query-string.ts'
import { CIRCUITS } from './circuits.ts'
import type { ServiceStatus } from './overview-document.ts'
import { type Figure, oldestOf, readyOf, samples } from './samples.ts'

type TilesProps = { status: ServiceStatus }

/** How the service does at a glance. Each leads to where one acts on it. */
export function StatusTiles({ status }: TilesProps) {
  return (
    <ul class="tiles">
      <OrderTiles status={status} />
      <WorkTiles status={status} />
      <StockTiles status={status} />
    </ul>
  )
}

function OrderTiles({ status }: TilesProps) {
  const oldest = oldestOf(status)
  const { ordersPerSecond } = status
  return (
    <>
      <Tile name="Orders a second" href="/console/orders" figure="ordersPerSecond">
        <span class="num">
          {ordersPerSecond.toLocaleString(undefined, {
            maximumSignificantDigits: ordersPerSecond < 10 ? 2 : 4,
          })}
        </span>
      </Tile>
      <Tile
        name="Oldest open order"
        href={withQuery('/console/orders', { status: oldest?.status ?? 'PENDING' })}
        figure="oldestOpenS"
        note={oldest && (oldest.status === 'PENDING' ? 'pending' : 'awaits a restock')}
      >
        {oldest ? <Age seconds={oldest.ageS} /> : 'none'}
      </Tile>
    </>
  )
}

function WorkTiles({ status }: TilesProps) {
  const { queue, workersAlive, supplierCircuit, openDeadLetters } = status
  const oldestReadyS = Math.max(0, ...queue.map(({ oldestReadyAgeSeconds }) => oldestReadyAgeSeconds ?? 0))
  return (
    <>
      <Tile
        name="Jobs that wait"
        href="#queue"
        figure="ready"
        note={
          oldestReadyS >= 1 && (
            <>
              the oldest for <Age seconds={oldestReadyS} />
            </>
          )
        }
      >
        {queue.some(({ ready }) => ready.isEstimate) && 'at least '}
        <Num value={readyOf(status)} />
      </Tile>
      <Tile name="Workers" href="#workers" figure="workersAlive" isBad={workersAlive === 0} note="alive">
        <Num value={workersAlive} />
      </Tile>
      <Tile
        name="Supplier"
        href="/console/orders?status=AWAITING_RESTOCK"
        isBad={supplierCircuit === 'OPEN'}
        note={supplierCircuit && `circuit ${CIRCUITS[supplierCircuit][1]}`}
      >
        {supplierCircuit ? CIRCUITS[supplierCircuit][0] : 'not known'}
      </Tile>
      <Tile
        name="Dead letters"
        href="/console/dead-letters"
        figure="deadLetters"
        isBad={openDeadLetters.count > 0}
        note={openDeadLetters.count > 0 && 'to be retried'}
      >
        <CountOf count={openDeadLetters} />
      </Tile>
    </>
  )
}

function StockTiles({ status: { lowItems, invariants } }: TilesProps) {
  const breaches = invariants.reduce((sum, { breaches }) => sum + (breaches ?? 0), 0)
  const unchecked = invariants.filter(({ checkedAt }) => checkedAt === null).length
  return (
    <>
      <Tile
        name="Low stock"
        href="/console/stock?state=low"
        figure="lowItems"
        note={lowItems.count > 0 && 'items at or below their threshold'}
      >
        <CountOf count={lowItems} />
      </Tile>
      <Tile
        name="Drift"
        href="#drift"
        isBad={breaches > 0}
        note={
          unchecked > 0
            ? `${unchecked} of ${invariants.length} not checked yet`
            : 'breaches at the last checks'
        }
      >
        <Num value={breaches} />
      </Tile>
    </>
  )
}

type TileProps = {
  name: string
  href: string
  /** What its line is of; none where it is no number. */
  figure?: Figure
  /** Whether somebody has to do something. */
  isBad?: boolean
  note?: ComponentChildren
  children: ComponentChildren
}

function Tile({ name, href, figure, isBad, note, children }: TileProps) {
  const { times, valuesOf } = samples.value
  return (
    <li>
      <a class={`card tile ${isBad ? 'bad' : ''}`} href={href}>
        <span class="tile-name">{name}</span>
        <span class="tile-figure">{children}</span>
        <span class="hint">{note || '\u00a0'}</span>
        {figure && <Sparkline times={times} values={valuesOf(figure)} />}
      </a>
    </li>
  )
}
