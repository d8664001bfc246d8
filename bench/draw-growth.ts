import { formatEnvironment, type ScenarioResult } from './environment.ts'
import type { Series } from './scenario.ts'
import { median } from './statistics.ts'
import { at, MARGIN, type Scale, svg, text, WIDTH } from './svg.ts'

const PANEL_HEIGHT = 320
const CHARACTER_WIDTH = 7
const LABEL_GAP = 10
/** Between the ranges of lines that meet. */
const RANGE_DISTANCE = 5

/** One panel for each series that a scenario gave; null where there is none. */
export function drawGrowth(results: readonly ScenarioResult[]): string | null {
  const drawn = results.flatMap(({ environment, measurements }) =>
    measurements.filter((one) => one.kind === 'series').map((series) => ({ environment, series })),
  )
  const last = drawn.at(-1)
  if (!last) return null
  const bottom = drawn.length * PANEL_HEIGHT
  const legend = `median as a dot, range as a line beside it · ${formatEnvironment(last.environment)}`
  return svg(bottom + 2 * MARGIN, 'How cost grows', [
    ...drawn.map(({ series }, index) => drawPanel(series, index * PANEL_HEIGHT)),
    text(MARGIN, bottom + MARGIN, legend, { class: 'muted' }),
  ])
}

function drawPanel({ title, xLabel, unit, x, lines }: Series, top: number): string {
  const plot = { left: 90, right: WIDTH - 300, top: top + 64, bottom: top + 260 }
  const xMax = Math.max(...x, 1)
  const yMax = Math.max(...lines.flatMap(({ values }) => values.flat()))
  const step = niceStep(yMax / 5)
  const steps = Math.ceil(yMax / step)
  const atX: Scale = (value) => plot.left + (value / xMax) * (plot.right - plot.left)
  const atY: Scale = (value) => plot.bottom - (value / (step * steps)) * (plot.bottom - plot.top)
  const grid = Array.from({ length: steps + 1 }, (_, index) => {
    const y = atY(index * step)
    return (
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y)}" y2="${at(y)}"/>` +
      text(plot.left - 16, y + 4, (index * step).toLocaleString('en-US'), { class: 'muted', anchor: 'end' })
    )
  })
  const marks = labelled(x, atX).map((value) =>
    text(atX(value), plot.bottom + 18, value.toLocaleString('en-US'), { class: 'muted', anchor: 'middle' }),
  )
  const drawn = lines.map(({ name, values }, index) => {
    const color = `s${index % 4}`
    const points = values.map((runs, point) => `${at(atX(x[point]!))} ${at(atY(median(runs)))}`)
    const ranges = values.map((runs, point) => {
      const rangeX = atX(x[point]!) + (index - (lines.length - 1) / 2) * RANGE_DISTANCE
      return `M${at(rangeX)} ${at(atY(Math.min(...runs)))}V${at(atY(Math.max(...runs)))}`
    })
    return (
      `<path class="line ${color}" d="M${points.join('L')}"/>` +
      `<path class="dot ${color}" d="${points.map((point) => `M${point}h0`).join('')}"/>` +
      `<path class="spread ${color}" d="${ranges.join('')}"/>` +
      text(plot.right + 24, plot.top + 14 + index * 22, name, { class: color })
    )
  })
  return [
    text(MARGIN, top + 36, title, { class: 'title' }),
    text(plot.left, top + 54, unit, { class: 'muted' }),
    text((plot.left + plot.right) / 2, plot.bottom + 36, xLabel, { class: 'muted', anchor: 'middle' }),
    ...grid,
    ...marks,
    ...drawn,
  ].join('')
}

/** The least of 1, 2 and 5 of a power of ten that is not below `value`. */
function niceStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value || 1))
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= value) ?? power
}

/** Those of the values, from the greatest down, whose labels have room beside each other. */
function labelled(x: readonly number[], atX: Scale): number[] {
  const halfWidth = (value: number) => (value.toLocaleString('en-US').length * CHARACTER_WIDTH) / 2
  const kept: number[] = []
  for (const value of x.toSorted((a, b) => b - a)) {
    const last = kept.at(-1)
    const hasRoom =
      last === undefined || atX(last) - atX(value) >= halfWidth(last) + halfWidth(value) + LABEL_GAP
    if (hasRoom) kept.push(value)
  }
  return kept
}
