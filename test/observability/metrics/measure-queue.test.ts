import { Registry } from 'prom-client'
import { afterEach, expect, test, vi } from 'vitest'
import type { ServiceStatus } from '../../../src/domain/upkeep/service-status.ts'
import { FIGURES_AGE_MAX_MS } from '../../../src/limits.ts'
import { createLogger } from '../../../src/observability/logs/logger.ts'
import { DatabaseFigures } from '../../../src/observability/metrics/database-figures.ts'
import { measureQueue } from '../../../src/observability/metrics/measure-queue.ts'

const exactly = (count: number) => ({ count, isEstimate: false })
const worker = (isAlive: boolean) => {
  const at = new Date()
  return { id: 'x', startedAt: at, lastBeatAt: at, silentS: 0, isAlive, circuit: null, jobsHeld: [] }
}
const STATUS: ServiceStatus = {
  queue: [
    { task: 'a', ready: exactly(3), scheduled: exactly(4), held: 5, oldestReadyAgeS: 6.5 },
    { task: 'b', ready: exactly(0), scheduled: exactly(0), held: 0, oldestReadyAgeS: null },
  ],
  workers: [worker(true), worker(false), worker(true)],
  openDeadLetters: { count: 20_000, isEstimate: true },
  orders: [
    { status: 'PENDING', count: exactly(1), ofNewest: 1, oldestOpenAgeS: 7 },
    { status: 'AWAITING_RESTOCK', count: exactly(9), ofNewest: 9, oldestOpenAgeS: null },
    { status: 'FAILED', count: exactly(1), ofNewest: 1, oldestOpenAgeS: null },
  ],
  ordersPerS: 0.2,
  lowItems: exactly(0),
  holds: { open: { count: 12_000, isEstimate: true }, overdueS: 1.5 },
  oldestRequestAgeS: 8.5,
  oldestMarkAgeS: 9.5,
}

const LAST_READ = 'holdfast_figures_last_read_timestamp_seconds{figures="status"} '

afterEach(() => {
  vi.restoreAllMocks()
})

/** What is shown but for when it was read, and what was logged. */
function measure(readStatus: () => Promise<ServiceStatus>) {
  const registry = new Registry()
  const logger = createLogger('silent')
  const lines: string[] = []
  for (const level of ['info', 'warn', 'error'] as const) {
    vi.spyOn(logger, level).mockImplementation((_fields: unknown, line?: string) => {
      lines.push(`${level}: ${line}`)
    })
  }
  measureQueue(new DatabaseFigures(registry, logger), readStatus)
  const scrapeAll = async () =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  const scrape = async () => (await scrapeAll()).filter((line) => !line.startsWith(LAST_READ))
  const lastReadS = async () =>
    Number((await scrapeAll()).find((line) => line.startsWith(LAST_READ))!.slice(LAST_READ.length))
  return { scrape, lastReadS, lines }
}

const systemNow = performance.now.bind(performance)
/** Lets so much time have passed by the clock that figures age by. */
function passed(ms: number): void {
  vi.spyOn(performance, 'now').mockImplementation(() => systemNow() + ms)
}

const SAMPLES = [
  'holdfast_queue_jobs{task="a",state="ready"} 3',
  'holdfast_queue_jobs{task="a",state="scheduled"} 4',
  'holdfast_queue_jobs{task="a",state="held"} 5',
  'holdfast_queue_jobs{task="b",state="ready"} 0',
  'holdfast_queue_jobs{task="b",state="scheduled"} 0',
  'holdfast_queue_jobs{task="b",state="held"} 0',
  'holdfast_queue_jobs_cut_off{state="ready"} 0',
  'holdfast_queue_jobs_cut_off{state="scheduled"} 0',
  'holdfast_queue_oldest_ready_job_age_seconds{task="a"} 6.5',
  'holdfast_queue_oldest_ready_job_age_seconds{task="b"} 0',
  'holdfast_workers_alive 2',
  'holdfast_dead_letters_open 20000',
  'holdfast_oldest_open_order_age_seconds{status="PENDING"} 7',
  'holdfast_oldest_open_order_age_seconds{status="AWAITING_RESTOCK"} 0',
  'holdfast_waiting_orders 9',
  'holdfast_oldest_supplier_request_age_seconds 8.5',
  'holdfast_oldest_serving_mark_age_seconds 9.5',
  'holdfast_holds_open 12000',
  'holdfast_hold_overdue_seconds 1.5',
]

test('all of it comes of one reading for a scrape, and of one for scrapes at once', async () => {
  let readings = 0
  const { scrape } = measure(async () => {
    readings++
    return STATUS
  })
  expect(await scrape()).toEqual(SAMPLES)
  expect(readings).toBe(1)
  await Promise.all([scrape(), scrape()])
  expect(readings).toBe(2)
})

test('a reading that fails leaves what was last read for a minute, and then nothing until the next', async () => {
  let fails = false
  const { scrape, lastReadS, lines } = measure(async () => {
    if (fails) throw new Error('away')
    return STATUS
  })
  const readAtS = await lastReadS()
  expect(readAtS).toBeCloseTo(Date.now() / 1_000, 0)
  fails = true
  passed(FIGURES_AGE_MAX_MS - 5_000)
  expect(await scrape()).toEqual(SAMPLES)
  passed(FIGURES_AGE_MAX_MS)
  expect(await scrape()).toEqual([])
  expect(await scrape()).toEqual([])
  expect(await lastReadS()).toBe(readAtS)
  expect(lines).toEqual(['warn: database figures not read'])
  fails = false
  expect(await scrape()).toEqual(SAMPLES)
  expect(await lastReadS()).toBeGreaterThan(readAtS)
  expect(lines.slice(1)).toEqual(['info: database figures read again'])
})

test('before the first reading there is nothing: no worker that is alive would be a false alarm', async () => {
  const { scrape, lastReadS } = measure(() => Promise.reject(new Error('away')))
  expect(await scrape()).toEqual([])
  expect(await lastReadS()).toBe(0)
})

test('what a reading no longer has is shown no more', async () => {
  let status = STATUS
  const { scrape } = measure(async () => status)
  await scrape()
  status = { ...STATUS, queue: STATUS.queue.slice(1) }
  expect(await scrape()).toEqual(SAMPLES.filter((line) => !line.includes('task="a"')))
})

test('of a queue that is cut off, a task that has nothing in it is unknown, and not without jobs', async () => {
  const atLeast = (count: number) => ({ count, isEstimate: true })
  const [one, other] = STATUS.queue
  const queue = [
    { ...one!, ready: atLeast(10_001) },
    { ...other!, ready: atLeast(0), oldestReadyAgeS: null },
  ]
  const { scrape } = measure(async () => ({ ...STATUS, queue }))
  const samples = await scrape()
  expect(samples).toContain('holdfast_queue_jobs{task="a",state="ready"} 10001')
  expect(samples).toContain('holdfast_queue_jobs_cut_off{state="ready"} 1')
  expect(samples).toContain('holdfast_queue_jobs_cut_off{state="scheduled"} 0')
  expect(samples).toContain('holdfast_queue_oldest_ready_job_age_seconds{task="a"} 6.5')
  expect(samples.filter((line) => line.includes('task="b"'))).toEqual([
    'holdfast_queue_jobs{task="b",state="scheduled"} 0',
    'holdfast_queue_jobs{task="b",state="held"} 0',
  ])
})

test('a reading that hangs holds a scrape up for a second, and no second one is begun', async () => {
  let readings = 0
  const answer = Promise.withResolvers<ServiceStatus>()
  const { scrape } = measure(() => {
    readings++
    return answer.promise
  })
  const startedAtMs = performance.now()
  await scrape()
  await scrape()
  expect(performance.now() - startedAtMs).toBeGreaterThan(1_900)
  expect(readings).toBe(1)
  answer.resolve(STATUS)
  expect(await scrape()).toEqual(SAMPLES)
})
