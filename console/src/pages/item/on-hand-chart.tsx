import type { ResultOf } from 'gql.tada'
import { useMemo, useState } from 'preact/hooks'
import { queries } from '../../api/client.ts'
import { graphql } from '../../api/graphql.ts'
import { Button } from '../../components/button.tsx'
import { Chart } from '../../components/chart.tsx'
import { Num, Time } from '../../components/values.tsx'
import type { Level } from './levels.tsx'

/** Pages of the largest size that there is. */
export const HistoryDocument = graphql(`
  query StockHistory($sku: String!, $location: String, $after: String) {
    movements(sku: $sku, location: $location, first: 100, after: $after) {
      edges {
        node {
          id
          createdAt
          delta
          reservedDelta
          onHandAfter
          location {
            id
            code
          }
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`)

type History = ResultOf<typeof HistoryDocument>['movements']
type Movement = History['edges'][number]['node']

type OnHandChartProps = {
  sku: string
  levels: readonly Level[]
  /** The code of the location that is looked at; null for all. */
  location: string | null
  /** Its newest page. */
  history: History
}

/** On hand as the newest movements changed it, and those before them where somebody asks for them. */
export function OnHandChart({ sku, levels, location, history }: OnHandChartProps) {
  const { newestFirst, readOlder, isReading } = useOlder(sku, location, history)
  const data = useMemo(() => {
    const there = levels.filter((level) => location === null || level.location.code === location)
    const points = onHandOver(newestFirst.toReversed(), there)
    return {
      times: points.map(({ atS }) => atS),
      series: [{ label: 'On hand', values: points.map(({ onHand }) => onHand) }],
    }
  }, [levels, location, newestFirst])
  const oldest = newestFirst.at(-1)
  const now = data.series[0]!.values.at(-1)
  if (!oldest || now === undefined)
    return <p class="muted">Nothing has moved yet. “Receive” takes goods in.</p>
  const at = location ?? 'all locations'
  return (
    <div class="card">
      <Chart
        data={data}
        isStepped
        label={`On hand at ${at}, by the newest ${newestFirst.length.toLocaleString()} movements: now ${now.toLocaleString()}`}
      />
      <p class="muted">
        The newest <Num value={newestFirst.length} /> movements, at {at}, since <Time at={oldest.createdAt} />{' '}
        {readOlder && (
          <Button variant="quiet" isBusy={isReading} onClick={readOlder}>
            Further back
          </Button>
        )}
      </p>
    </div>
  )
}

/** Some wide screens of points. */
const MOVEMENTS_MAX = 2_000

/** Keeps older pages of a history: a ledger only grows, so they are read once. */
function useOlder(sku: string, location: string | null, { edges, pageInfo }: History) {
  const [older, setOlder] = useState<{ movements: readonly Movement[]; next: string | null }>()
  const [isReading, setReading] = useState(false)
  const newestFirst = useMemo(() => {
    const newest = edges.map(({ node }) => node)
    const ids = new Set(newest.map(({ id }) => id))
    return [...newest, ...(older?.movements ?? []).filter(({ id }) => !ids.has(id))]
  }, [edges, older])

  const nextOf = ({ endCursor, hasNextPage }: History['pageInfo']) => (hasNextPage ? endCursor : null)
  const after = older ? older.next : nextOf(pageInfo)
  const readOlder = async () => {
    setReading(true)
    const { data } = await queries.query(HistoryDocument, { sku, location, after })
    setReading(false)
    if (!data) return
    const page = data.movements
    const movements = [...newestFirst, ...page.edges.map(({ node }) => node)]
    setOlder({ movements, next: nextOf(page.pageInfo) })
  }
  const hasMore = after !== null && newestFirst.length < MOVEMENTS_MAX
  return { newestFirst, isReading, readOlder: hasMore ? () => void readOlder() : undefined }
}

type Point = { atS: number; onHand: number }

/**
 * Sums what was on hand at each location, after each movement. A location without movements among these has what it has now.
 */
function onHandOver(oldestFirst: readonly Movement[], levels: readonly Level[]): Point[] {
  const onHandAt = new Map(levels.map(({ location, onHand }) => [location.code, onHand]))
  for (const { location, onHandAfter, delta, reservedDelta } of oldestFirst.toReversed()) {
    onHandAt.set(location.code, onHandAfter - delta - reservedDelta)
  }
  let atS = 0
  const points = oldestFirst.map(({ createdAt, location, onHandAfter }) => {
    onHandAt.set(location.code, onHandAfter)
    // movements of several locations may be in another order than their times
    atS = Math.max(atS, Date.parse(createdAt) / 1_000)
    return { atS, onHand: onHandAt.values().reduce((sum, onHand) => sum + onHand, 0) }
  })
  const newest = points.at(-1)
  // until now nothing has changed since
  return newest ? [...points, { ...newest, atS: Math.max(Date.now() / 1_000, newest.atS) }] : []
}
