import { Registry } from 'prom-client'
import { expect, test } from 'vitest'
import type { ServiceStatus } from '../../src/domain/service-status.ts'
import { createLogger } from '../../src/observability/logger.ts'
import { measureQueue } from '../../src/observability/measure-queue.ts'

const exactly = (count: number) => ({ count, isEstimate: false })
const worker = (isAlive: boolean) => {
  return { id: 'x', startedAt: new Date(), lastBeatAt: new Date(), isAlive, circuit: null }
}
const STATUS: ServiceStatus = {
  queue: [
    { task: 'a', ready: exactly(3), scheduled: exactly(4), running: 5, oldestReadyAgeS: 6.5 },
    { task: 'b', ready: exactly(0), scheduled: exactly(0), running: 0, oldestReadyAgeS: null },
  ],
  workers: [worker(true), worker(false), worker(true)],
  openDeadLetters: { count: 20_000, isEstimate: true },
  orders: [
    { status: 'PENDING', ...exactly(1), oldestOpenAgeS: 7 },
    { status: 'AWAITING_RESTOCK', ...exactly(0), oldestOpenAgeS: null },
    { status: 'FAILED', ...exactly(1), oldestOpenAgeS: null },
  ],
}

function measure(readStatus: () => Promise<ServiceStatus>): () => Promise<string[]> {
  const registry = new Registry()
  measureQueue(registry, readStatus, createLogger('silent'))
  return async () =>
    (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

const SAMPLES = [
  'holdfast_queue_jobs{task="a",state="ready"} 3',
  'holdfast_queue_jobs{task="a",state="scheduled"} 4',
  'holdfast_queue_jobs{task="a",state="running"} 5',
  'holdfast_queue_jobs{task="b",state="ready"} 0',
  'holdfast_queue_jobs{task="b",state="scheduled"} 0',
  'holdfast_queue_jobs{task="b",state="running"} 0',
  'holdfast_queue_oldest_ready_job_age_seconds{task="a"} 6.5',
  'holdfast_queue_oldest_ready_job_age_seconds{task="b"} 0',
  'holdfast_workers_alive 2',
  'holdfast_dead_letters_open 20000',
  'holdfast_oldest_open_order_age_seconds{status="PENDING"} 7',
  'holdfast_oldest_open_order_age_seconds{status="AWAITING_RESTOCK"} 0',
]

test('all of it comes of one reading for a scrape, and of one for scrapes at once', async () => {
  let readings = 0
  const scrape = measure(async () => {
    readings++
    return STATUS
  })
  expect(await scrape()).toEqual(SAMPLES)
  expect(readings).toBe(1)
  await Promise.all([scrape(), scrape()])
  expect(readings).toBe(2)
})

test('a reading that fails leaves what was last read', async () => {
  let fails = false
  const scrape = measure(async () => {
    if (fails) throw new Error('away')
    return STATUS
  })
  await scrape()
  fails = true
  expect(await scrape()).toEqual(SAMPLES)
})

test('a reading that hangs holds a scrape up for a second, and no second one is begun', async () => {
  let readings = 0
  const answer = Promise.withResolvers<ServiceStatus>()
  const scrape = measure(() => {
    readings++
    return answer.promise
  })
  const startedAtMs = performance.now()
  await scrape()
  await scrape()
  expect(performance.now() - startedAtMs).toBeGreaterThan(1_900)
  expect(performance.now() - startedAtMs).toBeLessThan(4_000)
  expect(readings).toBe(1)
  answer.resolve(STATUS)
  expect(await scrape()).toEqual(SAMPLES)
})
