import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'

/** Of one moment a value of each series; null where there is none. */
type ChartData = {
  /** Seconds since 1970, rising. */
  times: readonly number[]
  series: readonly { label: string; values: readonly (number | null)[] }[]
}

type ChartProps = {
  data: ChartData
  /** What it shows, in words, for those who do not see it: with the newest value. */
  label: string
  heightPx?: number
  /** Whether a value stays what it is until the next one, as what is counted does. */
  isStepped?: boolean
}

const NUMBER = new Intl.NumberFormat()
const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

const MINUTE_S = 60
const HOUR_S = 60 * MINUTE_S
const DAY_S = 24 * HOUR_S
/** Between two words of the axis of time, in seconds: nothing here changes faster than once in one. */
const STEPS_S = [
  ...[1, 5, 15, 30],
  ...[1, 5, 15, 30].map((minutes) => minutes * MINUTE_S),
  ...[1, 3, 6, 12].map((hours) => hours * HOUR_S),
  ...[1, 7, 30, 90, 365].map((days) => days * DAY_S),
]

/** Values over time. Only pages that are loaded by themselves import it: uPlot is larger than everything else of a page. */
export function Chart({ data, label, heightPx = 160, isStepped = false }: ChartProps) {
  const frame = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot>(undefined)
  const names = data.series.map(({ label }) => label).join('\n')

  useEffect(() => {
    const element = frame.current!
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(
        optionsOf(element, names.split('\n'), heightPx, isStepped),
        toColumns(data),
        element,
      )
    }
    draw()
    const sizes = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: heightPx }),
    )
    sizes.observe(element)
    scheme.addEventListener('change', draw)
    return () => {
      sizes.disconnect()
      scheme.removeEventListener('change', draw)
      plot.current?.destroy()
      plot.current = undefined
    }
  }, [names, heightPx, isStepped])
  useEffect(() => plot.current?.setData(toColumns(data)), [data])
  return <div ref={frame} class="chart" role="img" aria-label={label} />
}

function toColumns({ times, series }: ChartData): uPlot.AlignedData {
  return [times as number[], ...series.map(({ values }) => values as (number | null)[])]
}

/** A canvas knows no custom properties: the frame has the colours as properties of its own. */
function optionsOf(
  element: HTMLElement,
  labels: readonly string[],
  height: number,
  isStepped: boolean,
): uPlot.Options {
  const { color, caretColor, outlineColor } = getComputedStyle(element)
  const axis = {
    stroke: caretColor,
    grid: { stroke: outlineColor, width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: element.clientWidth,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { y: { range: (_, min, max) => [Math.min(0, min), Math.max(1, max * 1.1)] } },
    axes: [
      {
        ...axis,
        space: 100,
        size: 32,
        incrs: STEPS_S,
        values: (_, times, _axis, _space, stepS) =>
          times.map((time) => (stepS >= DAY_S ? DAY : CLOCK).format(time * 1_000)),
      },
      { ...axis, size: 56, values: (_, values) => values.map((value) => NUMBER.format(value)) },
    ],
    series: [
      {},
      ...labels.map((label) => ({
        label,
        stroke: color,
        width: 2,
        points: { show: false },
        ...(isStepped && { paths: uPlot.paths.stepped!({ align: 1 }) }),
      })),
    ],
  }
}
