import { Sparkline } from '../../components/sparkline.tsx'
import { StatusBadge } from '../../components/status-badge.tsx'
import { CountOf } from '../../components/values.tsx'
import type { OrderCount } from './order-count.ts'
import { samples } from './samples.ts'

const SHARE = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 1 })

/** How many orders are in each state, and what became of the newest. */
export function States({ orders }: { orders: readonly OrderCount[] }) {
  const { times, valuesOf } = samples.value
  const newest = orders.reduce((sum, { ofNewest }) => sum + ofNewest, 0)
  return (
    <ul class="tiles">
      {orders.map(({ status, count, ofNewest }) => (
        <li key={status}>
          <a class="card tile" href={`/console/orders?status=${status}`}>
            <StatusBadge status={status} />
            <span class="tile-figure">
              <CountOf count={count} />
            </span>
            <span class="hint">
              {newest > 0 && `${SHARE.format(ofNewest / newest)} of the newest ${newest.toLocaleString()}`}
            </span>
            <Sparkline times={times} values={valuesOf(status)} />
          </a>
        </li>
      ))}
    </ul>
  )
}
