import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findFreePort } from '../support/free-port.ts'
import { createTestApp, eventually, seed, type TestApp } from '../support/harness.ts'
import { type Alert, type Panel, readAlerts, readDashboard, readProjectFile } from '../support/ops-files.ts'
import { parsePromql, type Selector } from '../support/promql.ts'
import { type Sample, type Scrape, scrape } from '../support/scrape.ts'
import { Processes } from '../support/server-process.ts'

/** What Prometheus adds to each series of ours. */
const TARGET_LABELS = { job: 'holdfast', instance: 'one' }
const UP: Sample = { name: 'up', labels: TARGET_LABELS, value: 1 }

const processes = new Processes()
let test_: TestApp
let samples: Sample[]
beforeAll(async () => {
  test_ = await createTestApp()
  await seed(test_.app).item({ sku: 'PLENTY', available: 1_000 })
  for (const sku of ['A-FAIL', 'A-OK']) await seed(test_.app).item({ sku })
  const { databaseUrl } = test_
  const { url } = await processes.startServer({
    DATABASE_URL: databaseUrl,
    RECONCILE_INTERVAL_MS: '1000',
    SUPPLIER_RECHECK_DELAY_MS: '0',
    // there is nobody: what tells of it is there all the same
    REDIS_URL: `redis://127.0.0.1:${await findFreePort()}`,
    CREATE_ORDER_RATE_LIMIT: '1000',
  })
  const order = (sku: string) =>
    fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sku, qty: 1 }),
    })
  const until = (isThere: (shown: Scrape) => boolean) =>
    eventually(async () => {
      const shown = await scrape(url)
      return isThere(shown) ? shown : undefined
    })
  // a job and a transaction that fail
  const { pool } = test_.app
  await pool.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not today'; end $$`,
  )
  await pool.query(
    'create trigger refuse before insert on inventory_movements for each row execute function refuse()',
  )
  await order('PLENTY')
  await until((shown) => has(shown, 'holdfast_job_duration_seconds_count', { outcome: 'failed' }))
  await pool.query('drop trigger refuse on inventory_movements')
  await Promise.all(['PLENTY', 'A-FAIL', 'A-OK'].map(order))
  const shown = await until(
    (shown) =>
      has(shown, 'holdfast_order_settling_seconds_count', { to: 'FAILED' }) &&
      has(shown, 'holdfast_order_settling_seconds_count', { to: 'RESERVED' }) &&
      has(shown, 'holdfast_reconcile_drift', {}),
  )
  samples = shown!.samples.map((sample) => ({ ...sample, labels: { ...TARGET_LABELS, ...sample.labels } }))
  samples.push(UP)
})
afterAll(async () => {
  await processes.end()
  await test_.close()
})

/** Whether something was counted, or a figure was read. */
function has({ samples }: Scrape, name: string, labels: Record<string, string>): boolean {
  const isIt = (sample: Sample) =>
    sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value)
  return samples.some((sample) => isIt(sample) && (sample.value > 0 || name === 'holdfast_reconcile_drift'))
}

const alerts: Alert[] = await readAlerts()
const { panels, variables } = await readDashboard()
/** Panels that show something. */
const shown: Panel[] = panels.filter(({ type }) => type !== 'row')

/** Each expression, by where it stands. The dashboard's variables are put in as Grafana would. */
const EXPRESSIONS: [string, string][] = [
  ...alerts.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...shown.flatMap(({ title, targets }) =>
    targets!.map(({ expr }): [string, string] => [title, insert(expr)]),
  ),
]

function insert(expr: string): string {
  return expr
    .replaceAll('$job', 'holdfast')
    .replaceAll('$instance', '.*')
    .replaceAll('$__rate_interval', '2m')
}

/** Whether a series has the label, and where one value is asked for, or one of several by name, has that. */
function meets({ labels }: Sample, { label, operator, value }: Selector['matchers'][number]): boolean {
  const actual = labels[label]
  if (actual === undefined) return false
  if (operator === '=') return actual === value
  if (operator === '=~') return new RegExp(`^(?:${value})$`).test(actual)
  return true
}

describe.each(EXPRESSIONS)('%s', (_name, expr) => {
  test(`asks for what there is: ${expr.replaceAll(/\s+/g, ' ')}`, () => {
    const { selectors, grouped } = parsePromql(expr)
    expect(selectors.length).toBeGreaterThan(0)
    for (const { metric, matchers } of selectors) {
      const series = samples.filter(({ name }) => name === metric)
      expect(series, metric).not.toEqual([])
      for (const matcher of matchers) {
        const found = series.filter((sample) => meets(sample, matcher))
        expect(found, `${metric} with ${matcher.label}${matcher.operator}${matcher.value}`).not.toEqual([])
        // each name in a list of values is one that there is
        const names = matcher.operator.endsWith('~') && matcher.value !== '.*' ? matcher.value.split('|') : []
        for (const name of names) {
          expect(
            series.map(({ labels }) => labels[matcher.label]),
            matcher.label,
          ).toContain(name)
        }
      }
      for (const label of grouped) {
        expect(
          series.every(({ labels }) => label in labels),
          `${metric} has ${label}`,
        ).toBe(true)
      }
    }
  })
})

describe('the dashboard', () => {
  test('takes its data from a source that can be chosen, and lets job and process be chosen', () => {
    expect(variables.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['job', 'query'],
      ['instance', 'query'],
    ])
    for (const { query } of variables.slice(1)) {
      const metric = /label_values\((\w+)/.exec((query as { query: string }).query)![1]
      expect(samples.map(({ name }) => name)).toContain(metric)
    }
    for (const panel of shown) {
      expect(panel.datasource).toEqual({
        type: 'prometheus',
        uid: expect.stringMatching(/^\$\{datasource\}$/),
      })
      for (const { datasource, expr } of panel.targets!) {
        expect(datasource).toEqual(panel.datasource)
        expect(expr).toContain('job="$job"')
      }
    }
  })

  test('has a row for each subject, and panels that do not overlap', () => {
    expect(panels.filter(({ type }) => type === 'row').map(({ title }) => title)).toEqual([
      'Orders',
      'Reservation',
      'Waiting orders and holds',
      'Supplier',
      'Queue and workers',
      'Batches',
      'Subscriptions',
      'Stock',
      'Webhooks',
      'Refusals',
      'Database and process',
    ])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { gridPos, title } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x},${y}`), title).toBe(false)
          taken.add(`${x},${y}`)
        }
      }
    }
  })

  test('shows every metric of Holdfast', () => {
    const metricOf = (name: string) => name.replace(/_(?:count|sum|bucket)$/, '')
    const asked = new Set(
      EXPRESSIONS.slice(alerts.length).flatMap(([, expr]) =>
        parsePromql(expr).selectors.map(({ metric }) => metricOf(metric)),
      ),
    )
    const there = new Set(
      samples.map(({ name }) => metricOf(name)).filter((name) => name.startsWith('holdfast_')),
    )
    expect([...there].filter((name) => !asked.has(name))).toEqual([])
  })
})

describe('an alert', () => {
  test('says what it is about, how urgent it is, and where to read what to do', () => {
    for (const { alert, labels, annotations } of alerts) {
      expect(labels, alert).toEqual({ severity: expect.stringMatching(/^(page|ticket)$/) })
      expect(Object.keys(annotations).sort(), alert).toEqual(['description', 'runbook_url', 'summary'])
      expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`)
    }
  })

  test('has a heading of its own in the runbook, which has no other', async () => {
    const runbook = await readProjectFile('docs/operations.md')
    const headings = [...runbook.matchAll(/^#+ (Holdfast[A-Z]\w*)$/gm)].map((match) => match[1])
    expect(headings).toEqual(alerts.map(({ alert }) => alert))
    for (const part of runbook.split(/^### (?=Holdfast[A-Z])/m).slice(1)) {
      const [heading] = part.split('\n', 1)
      for (const question of ['**What it means.**', '**What to look at.**', '**What to do.**']) {
        expect(part, `${heading} says ${question}`).toContain(question)
      }
    }
  })
})
