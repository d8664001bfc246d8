import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { RULES_FILE, readAlerts } from './ops-files.ts'
import { parsePromql } from './promql.ts'
import { isCounter, type Sample, type Scrape, seriesText } from './scrape.ts'

const run = promisify(execFile)

/** Prometheus scrapes as often as operations.md has it. */
const STEP_S = 15
const MINUTE_STEPS = 60 / STEP_S
const HOUR_STEPS = 60 * MINUTE_STEPS
/** Before a fault and after it: more than the longest window of an alert. */
const QUIET_STEPS = 20 * MINUTE_STEPS
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

/** Checks that Prometheus takes the alerts. @throws with what it says where it does not */
export async function assertRules(): Promise<void> {
  await promtool('check', 'rules', RULES_FILE)
}

type Shown = Record<string, Scrape | null>

/** What Prometheus sees of a fault: each process before it, and in it (null where it does not answer). */
export type Course = { before: Record<string, Scrape>; after: Shown }

/** When an alert is to fire in a fault, in minutes since its beginning: not sooner, and not later. 0 is at once. */
export type Expected = { alert: string; minutesMin: number; minutesMax: number }

/**
 * Has Prometheus decide when alerts fire, in one run:
 *
 * - Before the fault, for as long as it lasts later: none.
 * - In the fault: each that is expected, in its time, and at its end these and no other. What was counted goes on by as
 *   much a minute, what was read stays as it is.
 * - 20 minutes after it: none.
 * - In a fault of one scrape, and another four minutes later: none but those that are expected at once.
 *
 * @throws with what fires instead
 */
export async function assertAlerts(
  course: Course,
  expected: readonly Expected[],
  faultMinutes: number,
): Promise<void> {
  const metrics = await readMetrics()
  const cases = [caseOfFault(course, expected, faultMinutes), caseOfBursts(course, expected)]
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-alerts-'))
  try {
    const files = cases.map((_, index) => join(folder, `case-${index}.yml`))
    for (const [index, one] of cases.entries())
      await writeFile(files[index]!, stringify(testOf(one, Object.keys(course.before), metrics)))
    await promtool('test', 'rules', ...files)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Phases, and which alerts an expression is to give at a time in them. Alerts are evaluated at each step, or less often. */
type Case = {
  phases: readonly Phase[]
  evaluationS?: number
  expressions: readonly { expr: string; atS: number; alerts: readonly string[] }[]
}

function caseOfFault({ before, after }: Course, expected: readonly Expected[], faultMinutes: number): Case {
  const faultSteps = faultMinutes * MINUTE_STEPS
  const healthySteps = Math.max(faultSteps, stepsBefore(after))
  const atS = (steps: number) => (healthySteps + steps) * STEP_S
  return {
    phases: [
      { shown: before, steps: healthySteps },
      { shown: after, steps: faultSteps, counts: 'each minute' },
      { shown: before, steps: QUIET_STEPS },
    ],
    // in hours a minute makes no difference, and a day of steps takes long
    evaluationS: faultSteps > HOUR_STEPS ? 60 : STEP_S,
    expressions: [
      { expr: firedIn((healthySteps - 1) * STEP_S), atS: atS(-1), alerts: [] },
      ...expected.flatMap(({ alert, minutesMin, minutesMax }) => [
        { expr: firedIn((minutesMin + 1) * 60, alert), atS: atS(minutesMin * MINUTE_STEPS - 1), alerts: [] },
        { expr: isFiring(alert), atS: atS(minutesMax * MINUTE_STEPS), alerts: [alert] },
      ]),
      { expr: isFiring(), atS: atS(faultSteps - 1), alerts: expected.map(({ alert }) => alert) },
      { expr: isFiring(), atS: atS(faultSteps + QUIET_STEPS - 1), alerts: [] },
    ],
  }
}

function caseOfBursts({ before, after }: Course, expected: readonly Expected[]): Case {
  const burst: Phase[] = [
    { shown: after, steps: 1, counts: 'once' },
    { shown: before, steps: BURSTS_APART_STEPS - 1 },
  ]
  const phases = [
    { shown: before, steps: stepsBefore(after) },
    ...burst,
    ...burst,
    { shown: before, steps: QUIET_STEPS },
  ]
  const steps = phases.reduce((sum, phase) => sum + phase.steps, 0)
  const immediate = expected.filter(({ minutesMin }) => minutesMin === 0).map(({ alert }) => alert)
  const none = immediate.length > 0 ? `alertname!~"${immediate.join('|')}", ` : ''
  const expr = byName(`count_over_time(ALERTS{${none}alertstate="firing"}[${steps * STEP_S}s])`)
  return { phases, expressions: [{ expr, atS: (steps - 1) * STEP_S, alerts: [] }] }
}

/** The steps before a fault: a quiet time, and the age of the oldest time that is shown, as values may not be below 0. */
function stepsBefore(shown: Shown): number {
  const ages = Object.values(shown).flatMap((scrape) =>
    (scrape?.samples ?? []).filter(isTime).map(({ value }) => scrape!.atS - value),
  )
  return QUIET_STEPS + Math.ceil(Math.max(0, ...ages) / STEP_S)
}

const byName = (expr: string) => `count by (alertname) (${expr}) > bool 0`
const selector = (alert?: string) =>
  `ALERTS{${alert === undefined ? '' : `alertname="${alert}", `}alertstate="firing"}`
const isFiring = (alert?: string) => byName(selector(alert))
const firedIn = (seconds: number, alert?: string) =>
  byName(`count_over_time(${selector(alert)}[${seconds}s])`)

/** The metrics that alerts read. Another can make none fire, and each of its series costs time. */
async function readMetrics(): Promise<ReadonlySet<string>> {
  const alerts = await readAlerts()
  return new Set(alerts.flatMap(({ expr }) => parsePromql(expr).selectors.map(({ metric }) => metric)))
}

/** A file of tests as promtool reads it. */
function testOf(
  { phases, evaluationS = STEP_S, expressions }: Case,
  instances: readonly string[],
  metrics: ReadonlySet<string>,
) {
  return {
    rule_files: [RULES_FILE],
    evaluation_interval: `${evaluationS}s`,
    tests: [
      {
        interval: `${STEP_S}s`,
        input_series: instances.flatMap((instance) => seriesOf(instance, phases, metrics)),
        promql_expr_test: expressions.map(({ expr, atS, alerts }) => ({
          expr,
          eval_time: `${atS}s`,
          exp_samples: alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 })),
        })),
      },
    ],
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
function seriesOf(instance: string, phases: readonly Phase[], metrics: ReadonlySet<string>) {
  const scrapes = phases.map(({ shown }) => shown[instance] ?? null)
  const samples = scrapes.map((scrape) => byText(scrape, metrics))
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
function valuesOf(sample: Sample, { atS }: Scrape, begin: number, steps: number): string {
  const ageS = atS - sample.value
  const growth = isTime(sample) && ageS <= KEPT_UP_AGE_MAX_S ? STEP_S : 0
  return `${decimal(isTime(sample) ? begin * STEP_S - ageS : sample.value)}+${decimal(growth)}x${steps - 1}`
}

/** Whether a value is a time, and one that has been. */
function isTime({ name, value }: Sample): boolean {
  return name.endsWith('_timestamp_seconds') && value > 0
}

/** The notation has no exponents. */
function decimal(value: number): string {
  return value.toFixed(6)
}

function byText(scrape: Scrape | null, metrics: ReadonlySet<string>): Map<string, Sample> {
  const samples = (scrape?.samples ?? []).filter(({ name }) => metrics.has(name))
  return new Map(samples.map((sample) => [seriesText(sample), sample]))
}
