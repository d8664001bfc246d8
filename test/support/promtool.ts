import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { stringify } from 'yaml'
import { isCounter, type Sample, type Scrape, seriesText } from './scrape.ts'

const run = promisify(execFile)

/** Prometheus scrapes every so often; an evaluation follows each scrape. */
const STEP_S = 60
/** Before a fault, five hours: more than any window of an alert, or age of a time, for values may not be below 0. */
const HEALTHY_STEPS = 300

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

/** What Prometheus sees of a fault: each process before and after it, null where it does not answer. */
export type Course = { before: Record<string, Scrape>; after: Record<string, Scrape | null> }

/**
 * Has Prometheus decide which alerts of a file fire: none after five hours as before, and exactly `alerts` when the fault
 * has gone on for a time. Until then what was counted goes on at its pace, and what was read stays as it is.
 *
 * @throws with what fires instead
 */
export async function assertFiring(
  rulesFile: string,
  { before, after }: Course,
  alerts: readonly string[],
  faultMinutes: number,
): Promise<void> {
  const inputSeries = Object.keys(before).flatMap((instance) =>
    seriesOf(instance, before[instance]!, after[instance] ?? null, faultMinutes),
  )
  const expr = 'count by (alertname) (ALERTS{alertstate="firing"}) > bool 0'
  const firing = alerts.map((alert) => ({ labels: `{alertname="${alert}"}`, value: 1 }))
  const tests = {
    rule_files: [rulesFile],
    evaluation_interval: `${STEP_S}s`,
    tests: [
      {
        interval: `${STEP_S}s`,
        input_series: inputSeries,
        promql_expr_test: [
          { expr, eval_time: `${HEALTHY_STEPS - 1}m`, exp_samples: [] },
          { expr, eval_time: `${HEALTHY_STEPS + faultMinutes}m`, exp_samples: firing },
        ],
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

/** The series of one process, in promtool's notation: "start+growth x steps", and "_" for no sample. */
function seriesOf(instance: string, before: Scrape, after: Scrape | null, faultMinutes: number) {
  const was = byText(before)
  const is = after ? byText(after) : new Map<string, Sample>()
  const series = [...new Map([...was, ...is])].map(([text, { name, labels }]) => {
    const from = valueAt(was.get(text), before, HEALTHY_STEPS - 1)
    const to = after ? valueAt(is.get(text), after, HEALTHY_STEPS) : undefined
    // one that has started anew has counted less
    const growth = to !== undefined && isCounter(after!, name) ? Math.max(to - (from ?? 0), 0) : 0
    const healthy = from === undefined ? `_x${HEALTHY_STEPS}` : `${decimal(from)}+0x${HEALTHY_STEPS - 1}`
    const faulty = to === undefined ? 'stale' : `${decimal(to)}+${decimal(growth)}x${faultMinutes}`
    return {
      series: seriesText({ name, labels: { ...labels, job: 'holdfast', instance } }),
      values: `${healthy} ${faulty}`,
    }
  })
  const up = seriesText({ name: 'up', labels: { job: 'holdfast', instance } })
  return [...series, { series: up, values: `1+0x${HEALTHY_STEPS - 1} ${after ? 1 : 0}+0x${faultMinutes}` }]
}

/** The notation has no exponents. */
function decimal(value: number): string {
  return value.toFixed(6)
}

function byText({ samples }: Scrape): Map<string, Sample> {
  return new Map(samples.map((sample) => [seriesText(sample), sample]))
}

/** A time is told from the scrape's own to that of the step: promtool's clock begins at 0. */
function valueAt(sample: Sample | undefined, { atS }: Scrape, step: number): number | undefined {
  if (!sample?.name.endsWith('_timestamp_seconds')) return sample?.value
  return sample.value - atS + step * STEP_S
}
