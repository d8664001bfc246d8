import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { isCounter, type Sample, type Scrape, seriesText } from './scrape.ts'

const run = promisify(execFile)

/** Prometheus scrapes as often as operations.md has it; an evaluation follows each scrape. */
const STEP_S = 15
const MINUTE_STEPS = 60 / STEP_S
/** Before a fault, five hours: more than any window of an alert, or age of a time, for values may not be below 0. */
const HEALTHY_STEPS = 300 * MINUTE_STEPS
/** After a fault: more than the longest window of an alert. */
const RECOVERED_STEPS = 20 * MINUTE_STEPS
/** Two bursts of a fault, so far from each other. */
const BURSTS_APART_STEPS = 4 * MINUTE_STEPS
/** A time that a process keeps up with was written at most so long before it was scraped. */
const KEPT_UP_AGE_MAX_S = 60

/** Whether `promtool`, which comes with Debian's `prometheus`, or another is on the PATH. */
export function hasPromtool(): boolean {
  try {
    execFileSync('promtool', ['--version'])
    return true
  } catch {
    return false
  }
}

/** Whether Prometheus takes a file of rules. @throws with what it says where it does not */
export async function assertRules(file: string): Promise<void> {
  await promtool('check', 'rules', file)
}

type Shown = Record<string, Scrape | null>

/** What Prometheus sees of a fault: each process before it, in it (null where it does not answer), and when it is mended. */
export type Course = { before: Record<string, Scrape>; after: Shown; mended?: Shown }

/** When an alert is to fire in a fault, in minutes since its beginning: not sooner, and not later. 0 is at once. */
export type Expected = { alert: string; minutesMin: number; minutesMax: number }

/**
 * Has Prometheus decide when alerts of a file fire: none in five hours as before; in the fault each that is expected, in
 * its time, and at its end these and no other; 20 minutes after it none.
 *
 * In the fault what was counted goes on by as much a minute, what was read stays as it is.
 *
 * @throws with what fires instead
 */
export async function assertFiring(
  rulesFile: string,
  { before, after, mended = before }: Course,
  expected: readonly Expected[],
  faultMinutes: number,
): Promise<void> {
  const faultSteps = faultMinutes * MINUTE_STEPS
  const phases: Phase[] = [
    { shown: before, steps: HEALTHY_STEPS },
    { shown: after, steps: faultSteps, counts: 'each minute' },
    { shown: mended, steps: RECOVERED_STEPS },
  ]
  const atS = (steps: number) => (HEALTHY_STEPS + steps) * STEP_S
  await assertExpressions(rulesFile, before, phases, [
    { expr: firedIn((HEALTHY_STEPS - 1) * STEP_S), atS: atS(-1), alerts: [] },
    ...expected.flatMap(({ alert, minutesMin, minutesMax }) => [
      { expr: firedIn((minutesMin + 1) * 60, alert), atS: atS(minutesMin * MINUTE_STEPS - 1), alerts: [] },
      { expr: isFiring(alert), atS: atS(minutesMax * MINUTE_STEPS), alerts: [alert] },
    ]),
    { expr: isFiring(), atS: atS(faultSteps - 1), alerts: expected.map(({ alert }) => alert) },
    { expr: isFiring(), atS: atS(faultSteps + RECOVERED_STEPS - 1), alerts: [] },
  ])
}

/**
 * Has Prometheus decide that a fault of one scrape, and another four minutes later, makes nothing fire but `immediate`.
 *
 * @throws with what fires
 */
export async function assertQuietAfterBursts(
  rulesFile: string,
  { before, after }: Course,
  immediate: readonly string[],
): Promise<void> {
  const burst: Phase[] = [
    { shown: after, steps: 1, counts: 'once' },
    { shown: before, steps: BURSTS_APART_STEPS - 1 },
  ]
  const phases = [
    { shown: before, steps: HEALTHY_STEPS },
    ...burst,
    ...burst,
    { shown: before, steps: RECOVERED_STEPS },
  ]
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0)
  const none = immediate.length > 0 ? `alertname!~"${immediate.join('|')}", ` : ''
  const expr = byName(`count_over_time(ALERTS{${none}alertstate="firing"}[${steps * STEP_S}s])`)
  await assertExpressions(rulesFile, before, phases, [{ expr, atS: (steps - 1) * STEP_S, alerts: [] }])
}

const byName = (expr: string) => `count by (alertname) (${expr}) > bool 0`
const selector = (alert?: string) =>
  `ALERTS{${alert === undefined ? '' : `alertname="${alert}", `}alertstate="firing"}`
const isFiring = (alert?: string) => byName(selector(alert))
const firedIn = (seconds: number, alert?: string) =>
  byName(`count_over_time(${selector(alert)}[${seconds}s])`)

async function assertExpressions(
  rulesFile: string,
  instances: Record<string, Scrape>,
  phases: readonly Phase[],
  expressions: readonly { expr: string; atS: number; alerts: readonly string[] }[],
): Promise<void> {
  const tests = {
    rule_files: [rulesFile],
    evaluation_interval: `${STEP_S}s`,
    tests: [
      {
        interval: `${STEP_S}s`,
        input_series: Object.keys(instances).flatMap((instance) => seriesOf(instance, phases)),
        promql_expr_test: expressions.map(({ expr, atS, alerts }) => ({
          expr,
          eval_time: `${atS}s`,
          exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
        })),
      },
    ],
  }
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-alerts-'))
  try {
    await writeFile(join(folder, 'tests.yml'), stringify(tests))
    await promtool('test', 'rules', join(folder, 'tests.yml'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function promtool(...args: string[]): Promise<void> {
  await run('promtool', args).catch(({ stdout, stderr }) => {
    throw new Error(`promtool ${args.join(' ')}:\n${stdout}\n${stderr}`)
  })
}

/** What processes show for some steps. Counters rise by what the fault has counted: never, in its first step, or each minute. */
type Phase = { shown: Shown; steps: number; counts?: 'once' | 'each minute' }

/** The series of one process, in promtool's notation: "start+growth x further steps", and "_" for no sample. */
function seriesOf(instance: string, phases: readonly Phase[]) {
  const scrapes = phases.map(({ shown }) => shown[instance] ?? null)
  const samples = scrapes.map(byText)
  const known = new Map(samples.flatMap((byText) => [...byText]))
  const series = [...known].map(([text, { name, labels }]) => {
    const first = samples[0]!.get(text)?.value
    let counted = first
    let step = 0
    const values = phases.map(({ steps, counts }, index) => {
      const scrape = scrapes[index]
      const sample = samples[index]!.get(text)
      const begin = step
      step += steps
      if (!scrape || !sample) return counted === undefined ? `_x${steps}` : `stale _x${steps - 1}`
      if (!isCounter(scrape, name)) return valuesOf(sample, scrape, begin, steps)
      // one that has started anew has counted less
      const rise = counts ? Math.max(sample.value - (first ?? 0), 0) : 0
      const growth = counts === 'each minute' ? rise / MINUTE_STEPS : 0
      const from = (counted ?? 0) + rise
      counted = from + growth * (steps - 1)
      return `${decimal(from)}+${decimal(growth)}x${steps - 1}`
    })
    return {
      series: seriesText({ name, labels: { ...labels, job: 'holdfast', instance } }),
      values: values.join(' '),
    }
  })
  const up = seriesText({ name: 'up', labels: { job: 'holdfast', instance } })
  const ups = phases.map(({ steps }, index) => `${scrapes[index] ? 1 : 0}+0x${steps - 1}`)
  return [...series, { series: up, values: ups.join(' ') }]
}

/** What was read stays as it is. A time is told from the scrape's own to promtool's, which begins at 0. */
function valuesOf({ name, value }: Sample, { atS }: Scrape, begin: number, steps: number): string {
  const isTime = name.endsWith('_timestamp_seconds') && value > 0
  const ageS = atS - value
  const growth = isTime && ageS <= KEPT_UP_AGE_MAX_S ? STEP_S : 0
  return `${decimal(isTime ? begin * STEP_S - ageS : value)}+${decimal(growth)}x${steps - 1}`
}

/** The notation has no exponents. */
function decimal(value: number): string {
  return value.toFixed(6)
}

function byText(scrape: Scrape | null): Map<string, Sample> {
  return new Map((scrape?.samples ?? []).map((sample) => [seriesText(sample), sample]))
}
