import { formatEnvironment, type ScenarioResult } from './environment.ts'
import type { Comparison } from './scenario.ts'
import { formatNumber, formatTarget, median, meets, summarizeRatios, verdict } from './statistics.ts'
import { at, MARGIN, type Scale, svg, text, WIDTH } from './svg.ts'

const TEXT_LENGTH_MAX = 62

/** Bars from 1, the baseline, to each ratio, on a log scale, with targets marked; and the figures that have no baseline. */
export function drawRatios(results: readonly ScenarioResult[]): string {
  const measurements = results.flatMap((result) => result.measurements)
  const comparisons = measurements.filter((measurement) => measurement.kind === 'comparison')
  const figures = measurements.filter((measurement) => measurement.kind === 'figure')
  const plot = { left: 430, right: WIDTH - 130, top: 96, rowHeight: 58 }
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
    return (
      text(MARGIN, y, shorten(title)) +
      text(plot.left, y, said.filter(Boolean).join(' · '), { class: 'strong' })
    )
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
  const last = results.at(-1)
  if (!last) return ''
  const marks = 'ratio Holdfast / baseline: median, range as a line, target as a bracket'
  return `${marks} · ${formatEnvironment(last.environment)}`
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
    text(MARGIN, top + 15, shorten(title), { class: 'strong' }),
    text(MARGIN, top + 31, shorten(against), { class: 'muted' }),
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

/** What fits left of the bars. */
function shorten(content: string): string {
  return content.length <= TEXT_LENGTH_MAX ? content : `${content.slice(0, TEXT_LENGTH_MAX - 1)}…`
}
