/** What a scenario is run with. */
export type BenchContext = {
  /** Repetitions of each side; the sides take turns. */
  repetitions: number
  /** Short runs that show that the scenario works, not how fast. */
  isQuick: boolean
  /** A fresh, empty, migrated database of the benchmark's own server, with PostgreSQL's default durability. */
  createDatabase: () => Promise<{ url: string; drop: () => Promise<void> }>
  /** Says on standard error what is going on. */
  log: (line: string) => void
}

/** What has to hold for a target to be met, of the median. */
export type Target = { kind: 'at-least' | 'at-most'; value: number; unit?: string }

/** One line of the table: Holdfast beside a baseline, measured in turns in one run; ratio = holdfast / baseline. */
export type Comparison = {
  kind: 'comparison'
  /** What was done, e.g. `createOrder by GraphQL POST, 50 connections`. */
  title: string
  /** What it is held against, e.g. `stock Yoga, one transaction a request`. */
  against: string
  unit: string
  holdfast: number[]
  baseline: number[]
  target: Target | null
}

/** One line of the table that has no baseline: a figure of its own. */
export type Figure = { kind: 'figure'; title: string; unit: string; values: number[]; target: Target | null }

/** Lines over something that grows, drawn in `growth.svg`. */
export type Series = {
  kind: 'series'
  title: string
  /** What grows, e.g. `orders stored before`. */
  xLabel: string
  unit: string
  x: number[]
  /** For each of `x` what its runs gave; their median is drawn, and their range. */
  lines: { name: string; values: number[][] }[]
}

export type Measurement = Comparison | Figure | Series

/** A benchmark. Its file is named for it; `npm run bench -- --only NAME` runs it alone. */
export type Scenario = {
  name: string
  /** One line for people who choose. */
  description: string
  run: (context: BenchContext) => Promise<Measurement[]>
}
