import { type ScenarioResult, serverOf } from './environment.ts'
import type { Measurement } from './scenario.ts'
import { formatNumber, formatTarget, median, meets, summarizeRatios, verdict } from './statistics.ts'

const COLUMNS = ['scenario', 'held against', 'Holdfast', 'baseline', 'ratio (range)', 'target', '']

/** The table of everything that was measured, as Markdown that lines up in a terminal too. */
export function formatTable(results: readonly ScenarioResult[]): string {
  const rows = results.flatMap(({ measurements }) => measurements.flatMap(formatRows))
  return alignTable(COLUMNS, rows)
}

function alignTable(columns: readonly string[], rows: readonly string[][]): string {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index]!.length)),
  )
  const format = (cells: readonly string[]) =>
    `| ${cells.map((cell, index) => cell.padEnd(widths[index]!)).join(' | ')} |`
  return [format(columns), format(widths.map((width) => '-'.repeat(width))), ...rows.map(format)].join('\n')
}

/** A table of what was measured on several servers, side by side: values, with the ratio to the baseline where there is one. */
export function formatServersTable(results: readonly ScenarioResult[]): string {
  const servers = [...new Set(results.map(serverOf))]
  const titles = servers.map((server) => {
    const { environment } = results.find((result) => serverOf(result) === server)!
    return `PostgreSQL ${environment.postgres}, ${server}`
  })
  const lines = new Map<string, Map<string, string>>()
  for (const result of results) {
    for (const [title, against, holdfast, , ratio] of result.measurements.flatMap(formatRows)) {
      const line = against === '' ? title! : `${title}, against ${against}`
      const cells = lines.get(line) ?? new Map<string, string>()
      lines.set(line, cells.set(serverOf(result), ratio === '' ? holdfast! : `${holdfast}, × ${ratio}`))
    }
  }
  const rows = [...lines].map(([line, cells]) => [line, ...servers.map((server) => cells.get(server) ?? '')])
  return alignTable(['scenario', ...titles], rows)
}

function formatRows(measurement: Measurement): string[][] {
  const { title, unit } = measurement
  if (measurement.kind === 'series') {
    return measurement.lines.map(({ name, values }) => {
      const course = values.map((runs) => formatNumber(median(runs))).join(' → ')
      return [`${title}: ${name}`, '', `${course} ${unit}`, '', '', '', '']
    })
  }
  if (measurement.kind === 'figure') {
    const value = median(measurement.values)
    const { target } = measurement
    return [
      [
        title,
        '',
        `${formatNumber(value)} ${unit}`,
        '',
        '',
        formatTarget(target),
        verdict(meets(target, value)),
      ],
    ]
  }
  const { against, holdfast, baseline, target } = measurement
  const ratio = summarizeRatios(measurement)
  return [
    [
      title,
      against,
      `${formatNumber(median(holdfast))} ${unit}`,
      `${formatNumber(median(baseline))} ${unit}`,
      `${formatNumber(ratio.median)} (${formatNumber(ratio.min)} – ${formatNumber(ratio.max)})`,
      formatTarget(target),
      verdict(meets(target, ratio.median)),
    ],
  ]
}
