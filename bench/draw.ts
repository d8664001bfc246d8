import { verdict } from './report.ts'
import type { ScenarioResult } from './results.ts'
import type { Comparison, Series } from './scenario.ts'
import { formatNumber, formatTarget, median, meets, summarizeRatios } from './statistics.ts'

const WIDTH = 960
const MARGIN = 24
const FONT = 'ui-sans-serif, system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'

// its own background: a page may be light where the reader's system is dark
const STYLE = `
  text { font: 13px ${FONT}; fill: #1f2328; }
  .title { font-size: 17px; font-weight: 600; }
  .strong { font-weight: 600; }
  .muted { fill: #59636e; font-size: 12px; }
  .background { fill: #ffffff; stroke: #d1d9e0; }
  .grid { stroke: #d1d9e0; }
  .baseline { stroke: #59636e; stroke-width: 1.5; }
  .range { stroke: #1f2328; stroke-width: 1.5; }
  .target { fill: none; stroke: #8250df; stroke-width: 2.5; }
  .target-text { fill: #8250df; font-size: 12px; }
  .met { fill: #2da44e; }
  .missed { fill: #d4792a; }
  .untargeted { fill: #8c959f; }
  .line { fill: none; stroke-width: 2.5; }
  .s0 { stroke: #0969da; } .s1 { stroke: #bc4c00; } .s2 { stroke: #1a7f37; } .s3 { stroke: #8250df; }
  text.s0, text.s1, text.s2, text.s3 { stroke: none; }
  text.s0 { fill: #0969da; } text.s1 { fill: #bc4c00; } text.s2 { fill: #1a7f37; } text.s3 { fill: #8250df; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .muted { fill: #9198a1; }
    .background { fill: #0d1117; stroke: #3d444d; }
    .grid { stroke: #2f353d; }
    .baseline { stroke: #9198a1; }
    .range { stroke: #f0f6fc; }
    .target { stroke: #bc8cff; } .target-text { fill: #bc8cff; }
    .met { fill: #238636; }
    .missed { fill: #bd6b1f; }
    .untargeted { fill: #656c76; }
    .s0 { stroke: #58a6ff; } .s1 { stroke: #f0883e; } .s2 { stroke: #3fb950; } .s3 { stroke: #bc8cff; }
    text.s0 { fill: #58a6ff; } text.s1 { fill: #f0883e; } text.s2 { fill: #3fb950; } text.s3 { fill: #bc8cff; }
  }`

type Scale = (value: number) => number

/** Bars from 1, the baseline, to each ratio, on a log scale, with targets marked; and the figures that have no baseline. */
export function drawRatios(results: readonly ScenarioResult[]): string {
  const measurements = results.flatMap((result) => result.measurements)
  const comparisons = measurements.filter((measurement) => measurement.kind === 'comparison')
  const figures = measurements.filter((measurement) => measurement.kind === 'figure')
  const plot = { left: 400, right: WIDTH - 150, top: 96, rowHeight: 52 }
  const bottom = plot.top + comparisons.length * plot.rowHeight

  const [min, max] = ratioBounds(comparisons)
  const x: Scale = (ratio) =>
    plot.left +
    ((Math.log(ratio) - Math.log(min)) / (Math.log(max) - Math.log(min))) * (plot.right - plot.left)
  const grid = ticks(min, max).map(
    (tick) =>
      `<line class="${tick === 1 ? 'baseline' : 'grid'}" x1="${at(x(tick))}" x2="${at(x(tick))}" y1="${plot.top - 6}" y2="${bottom}"/>` +
      text(x(tick), plot.top - 14, `${tick}×`, { class: 'muted', anchor: 'middle' }),
  )
  const bars = comparisons.map((comparison, row) =>
    drawBar(comparison, x, plot.top + row * plot.rowHeight, plot.right + 12),
  )
  const lines = figures.map(({ title, unit, values, target }, row) => {
    const value = median(values)
    const said = [`${formatNumber(value)} ${unit}`, formatTarget(target), verdict(meets(target, value))]
    const y = bottom + 40 + row * 24
    return text(MARGIN, y, title) + text(plot.left, y, said.filter(Boolean).join(' · '), { class: 'strong' })
  })
  const height = bottom + (figures.length > 0 ? 28 + figures.length * 24 : 0) + 24
  return svg(height, 'Holdfast beside its baselines, measured in one run', [
    text(MARGIN, 36, 'Holdfast beside what it is held against', { class: 'title' }),
    text(MARGIN, 56, legend(results), { class: 'muted' }),
    ...grid,
    ...bars,
    ...lines,
  ])
}

function legend(results: readonly ScenarioResult[]): string {
  const environment = results.at(-1)?.environment
  if (!environment) return ''
  const { date, node, postgres, cores, isQuick } = environment
  return [
    'ratio Holdfast / baseline: median, range as a line, target as a bracket',
    `${cores} cores, Node ${node}, PostgreSQL ${postgres}, ${date.slice(0, 10)}${isQuick ? ', QUICK RUN' : ''}`,
  ].join(' · ')
}

function drawBar(comparison: Comparison, x: Scale, top: number, saidAt: number): string {
  const { title, against, holdfast, baseline, unit, target } = comparison
  const ratio = summarizeRatios(comparison)
  const isMet = meets(target, ratio.median)
  const barClass = isMet === null ? 'untargeted' : isMet ? 'met' : 'missed'
  const [from, to] = [x(1), x(ratio.median)].sort((a, b) => a - b) as [number, number]
  const middle = top + 24
  const figures = `${formatNumber(median(holdfast))} : ${formatNumber(median(baseline))} ${unit}`
  return [
    text(MARGIN, top + 15, title, { class: 'strong' }),
    text(MARGIN, top + 31, against, { class: 'muted' }),
    text(MARGIN, top + 46, figures, { class: 'muted' }),
    `<rect class="${barClass}" x="${at(from)}" y="${middle - 10}" width="${at(Math.max(to - from, 1))}" height="20" rx="2"/>`,
    `<line class="range" x1="${at(x(ratio.min))}" x2="${at(x(ratio.max))}" y1="${middle}" y2="${middle}"/>`,
    ...(target ? [drawTarget(x(target.value), middle, target.kind === 'at-least' ? 1 : -1)] : []),
    text(saidAt, top + 21, `${formatNumber(ratio.median)}×`, { class: 'strong' }),
    text(saidAt, top + 37, [formatTarget(target), verdict(isMet)].filter(Boolean).join(' '), {
      class: target ? 'target-text' : 'muted',
    }),
  ].join('')
}

/** A bracket that is open to the side where the target is met. */
function drawTarget(x: number, middle: number, side: 1 | -1): string {
  const arm = 6 * side
  return `<path class="target" d="M${at(x + arm)} ${middle - 15}H${at(x)}V${middle + 15}H${at(x + arm)}"/>`
}

/** From half a step below the least to above the greatest of ratios and targets, with 1 always in sight. */
function ratioBounds(comparisons: readonly Comparison[]): [number, number] {
  const values = comparisons.flatMap((comparison) => {
    const { min, max } = summarizeRatios(comparison)
    return comparison.target ? [min, max, comparison.target.value] : [min, max]
  })
  return [Math.min(0.5, ...values) / 1.25, Math.max(2, ...values) * 1.25]
}

/** 1, 2 and 5 of each power of ten between the bounds. */
function ticks(min: number, max: number): number[] {
  const all = [0.01, 0.1, 1, 10, 100, 1000].flatMap((power) =>
    [1, 2, 5].map((step) => Number((step * power).toPrecision(1))),
  )
  return all.filter((tick) => tick >= min && tick <= max)
}

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
  const yMax = Math.max(...lines.flatMap(({ values }) => values)) * 1.1 || 1
  const atX: Scale = (value) => plot.left + (value / xMax) * (plot.right - plot.left)
  const atY: Scale = (value) => plot.bottom - (value / yMax) * (plot.bottom - plot.top)
  const grid = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const y = atY(yMax * share)
    return (
      `<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${at(y)}" y2="${at(y)}"/>` +
      text(plot.left - 8, y + 4, formatNumber(yMax * share), { class: 'muted', anchor: 'end' })
    )
  })
  const marks = x.map((value) =>
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

function text(
  x: number,
  y: number,
  content: string,
  { class: className = '', anchor = 'start' }: { class?: string; anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  return `<text x="${at(x)}" y="${at(y)}" class="${className}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

function svg(height: number, label: string, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(label)}">
<style>${STYLE}
</style>
<rect class="background" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
${parts.join('\n')}
</svg>
`
}

function at(position: number): string {
  return position.toFixed(1)
}

function escapeXml(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
