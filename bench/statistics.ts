import type { Comparison, Target } from './scenario.ts'

/** The middle of the values, or the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** How a comparison came out over its repetitions: each ratio is of two runs that followed each other. */
export type RatioSummary = { median: number; min: number; max: number }

export function summarizeRatios({ holdfast, baseline }: Comparison): RatioSummary {
  const ratios = holdfast.map((value, index) => value / baseline[index]!)
  return { median: median(ratios), min: Math.min(...ratios), max: Math.max(...ratios) }
}

/** @returns null where there is no target */
export function meets(target: Target | null, value: number): boolean | null {
  if (!target) return null
  return target.kind === 'at-least' ? value >= target.value : value <= target.value
}

/** Three digits that mean something, and no more: `12,345`, `0.612`. */
export function formatNumber(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

export function formatTarget(target: Target | null): string {
  if (!target) return ''
  return `${target.kind === 'at-least' ? '≥' : '≤'} ${target.value}${target.unit ? ` ${target.unit}` : ''}`
}

/** In words: a colour alone says nothing to many. */
export function verdict(isMet: boolean | null): string {
  return isMet === null ? '' : isMet ? 'met' : 'not met'
}
