import type { ScenarioResult } from './results.ts'
import type { Series } from './scenario.ts'
import { at, MARGIN, type Scale, svg, text, WIDTH } from './svg.ts'

const LABEL_WIDTH = 64

/** One panel for each series that a scenario gave; null where there is none. */
export function drawGrowth(results: readonly ScenarioResult[]): string | null {
  const series = results.flatMap(({ measurements }) => measurements.filter((one) => one.kind === 'series'))
  if (series.length === 0) return null
  const panelHeight = 300
  return svg(series.length * panelHeight + MARGIN, 'How cost grows with what is stored', [
    ...series.map((one, index) => drawPanel(one, index * panelHeight)),
  ])
}

function drawPanel({ title, xLabel, unit, x, lines }: Series, top: number): string {
  const plot = { left: 90, right: WIDTH - 220, top: top + 64, bottom: top + 250 }
  const xMax = Math.max(...x, 1)
  const step = niceStep(Math.max(...lines.flatMap(({ values }) => values)) / 4)
  const atX: Scale = (value) => plot.left + (value / xMax) * (plot.right - plot.left)
  const atY: Scale = (value) => plot.bottom - (value / (step * 5)) * (plot.bottom - plot.top)
  const grid = [0, 1, 2, 3, 4, 5].map((steps) => {
    const y = atY(steps * step)
    return (
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y)}" y2="${at(y)}"/>` +
      text(plot.left - 8, y + 4, (steps * step).toLocaleString('en-US'), { class: 'muted', anchor: 'end' })
    )
  })
  const marks = labelled(x, atX).map((value) =>
    text(atX(value), plot.bottom + 18, value.toLocaleString('en-US'), { class: 'muted', anchor: 'middle' }),
  )
  const drawn = lines.map(({ name, values }, index) => {
    const points = values.map((value, point) => `${at(atX(x[point]!))},${at(atY(value))}`).join(' ')
    const color = `s${index % 4}`
    return (
      `<polyline class="line ${color}" points="${points}"/>` +
      text(plot.right + 12, plot.top + 14 + index * 20, name, { class: color })
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
  const kept: number[] = []
  for (const value of x.toSorted((a, b) => b - a)) {
    const last = kept.at(-1)
    if (last === undefined || atX(last) - atX(value) >= LABEL_WIDTH) kept.push(value)
  }
  return kept
}
