import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchContext, Figure, Scenario, Series } from '../scenario.ts'
import { median } from '../statistics.ts'
import { storeItems } from '../support/backlog.ts'
import { openDatabase } from '../support/database.ts'
import { createOrder, execute } from '../support/graphql-client.ts'
import { startHoldfastWithMemory } from '../support/holdfast.ts'

const SKU = 'WIDGET'
/** A load that it carries at ease: memory is not that of queues. */
const ORDERS_PER_SECOND = 200
const ORDERS_PER_TURN = 10
const DURATION_S = 300
const DURATION_QUICK_S = 20
/** Until code is compiled and V8 has found the size of its heap. */
const WARM_UP_S = 60
const WARM_UP_QUICK_S = 10

/** Whose samples are one point of the lines. */
const POINT_S = 30
const POINT_QUICK_S = 5

const GROWTH_MAX_PERCENT = 5
const KB = 1024

type Sample = { atS: number; rssKb: number; heapKb: number }

/** Whether a server holds more memory the longer it runs. */
export const scenario: Scenario = {
  name: 'memory',
  description: 'five minutes of load: memory is flat after the first',
  run: async (context) => {
    const samples = await measure(context)
    const figure = (title: string, unit: string, value: number, target: Figure['target']): Figure => ({
      kind: 'figure',
      title: `${ORDERS_PER_SECOND} orders/s for ${samples.at(-1)!.atS.toFixed(0)} s: ${title}`,
      unit,
      values: [value],
      target,
    })
    const rss = fitLine(samples.map(({ atS, rssKb }) => [atS, rssKb]))
    const heap = fitLine(samples.map(({ atS, heapKb }) => [atS, heapKb]))
    return [
      figure('memory in the middle', 'MB', median(samples.map(({ rssKb }) => rssKb)) / KB, null),
      figure('memory after warming up, slope', 'kB/min', rss.slope * 60, null),
      figure('V8 heap after warming up, slope', 'kB/min', heap.slope * 60, null),
      figure('memory after warming up, growth', '%', (rss.last / rss.first - 1) * 100, {
        kind: 'at-most',
        value: GROWTH_MAX_PERCENT,
        unit: '%',
      }),
      draw(samples, context.isQuick ? POINT_QUICK_S : POINT_S),
    ]
  },
}

/** Each point is of the samples that end there. */
function draw(samples: readonly Sample[], pointS: number): Series {
  const points = Array.from({ length: Math.floor(samples.length / pointS) }, (_, index) =>
    samples.slice(index * pointS, (index + 1) * pointS),
  )
  const line = (name: string, of: (sample: Sample) => number) => ({
    name,
    values: points.map((point) => point.map((sample) => of(sample) / KB)),
  })
  return {
    kind: 'series',
    title: `Memory of a server that takes and reserves ${ORDERS_PER_SECOND} orders/s`,
    xLabel: `seconds since its start, ${pointS} of them a point`,
    unit: 'MB',
    x: points.map((point) => point.at(-1)!.atS),
    lines: [
      line('held by the process', ({ rssKb }) => rssKb),
      line('V8 heap in use', ({ heapKb }) => heapKb),
    ],
  }
}

/** @returns a sample a second, after the warm-up */
async function measure(context: BenchContext): Promise<Sample[]> {
  const durationS = context.isQuick ? DURATION_QUICK_S : DURATION_S
  const warmUpS = context.isQuick ? WARM_UP_QUICK_S : WARM_UP_S
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  await using holdfast = await startHoldfastWithMemory({ DATABASE_URL: database.url })
  const isLoading = new AbortController()
  const load = putLoad(holdfast.url, isLoading.signal)
  const samples: Sample[] = []
  try {
    for (let second = 1; second <= durationS; second++) {
      // a load that fails ends the measurement
      await Promise.race([sleep(1000), load])
      const { rss, heapUsed } = await holdfast.readMemory()
      if (second > warmUpS) samples.push({ atS: second, rssKb: rss / KB, heapKb: heapUsed / KB })
    }
  } finally {
    isLoading.abort()
  }
  await load
  return samples
}

/** Orders at a steady rate, and reads one page of them each time. */
async function putLoad(url: string, signal: AbortSignal): Promise<void> {
  const startedAt = performance.now()
  for (let turn = 0; !signal.aborted; turn++) {
    await sleep(
      Math.max(0, startedAt + (turn * ORDERS_PER_TURN * 1000) / ORDERS_PER_SECOND - performance.now()),
    )
    await Promise.all([
      execute(url, '{ orders(first: 20) { edges { node { id status version } } } }'),
      ...Array.from({ length: ORDERS_PER_TURN }, () => createOrder(url, SKU)),
    ])
  }
}

/** The straight line that fits best: its slope, and where it is at the first and the last point. */
function fitLine(points: [x: number, y: number][]): { slope: number; first: number; last: number } {
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const covariance = mean(points.map(([x, y]) => (x - meanX) * (y - meanY)))
  const slope = covariance / mean(points.map(([x]) => (x - meanX) ** 2))
  const at = (x: number) => meanY + slope * (x - meanX)
  return { slope, first: at(points[0]![0]), last: at(points.at(-1)![0]) }
}
