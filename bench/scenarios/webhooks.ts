import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { adjustInventories } from '../../src/use-cases/stock/verbs/adjust-inventories.ts'
import { createWebhook } from '../../src/use-cases/webhooks/verbs/create-webhook.ts'
import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { skuNames, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { readCpuMs } from '../support/process-usage.ts'

/** As many as one bulk change may have. */
const ITEMS = skuNames(1_000)
const CHANGES = 20
const CHANGES_QUICK = 2
const ARRIVAL_LIMIT_MS = 120_000

const DELIVERIES_PER_SECOND_MIN = 1_000
const CORES_MAX = 1

type Run = { perSecond: number; cores: number }

/** What a worker tells one receiver that takes no time. */
export const scenario: Scenario = {
  name: 'webhooks',
  description: 'One worker tells one fast receiver of 20,000 changes of stock',
  run: async (context) => {
    const runs: Run[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) runs.push(await measure(context))
    const title = 'webhooks, one worker, one fast receiver'
    const rate: Figure = {
      kind: 'figure',
      title,
      unit: 'deliveries/s',
      values: runs.map(({ perSecond }) => perSecond),
      target: { kind: 'at-least', value: DELIVERIES_PER_SECOND_MIN, unit: 'deliveries/s' },
    }
    const cores: Figure = {
      kind: 'figure',
      title: `${title}: processor time of the worker for 1,000 deliveries`,
      unit: 's',
      values: runs.map((run) => (run.cores / run.perSecond) * 1_000),
      target: { kind: 'at-most', value: CORES_MAX, unit: 's' },
    }
    return [rate, cores]
  },
}

async function measure(context: BenchContext): Promise<Run> {
  const changes = context.isQuick ? CHANGES_QUICK : CHANGES
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using holdfast = await openApp(database.url)
  await using receiver = await startReceiver()
  const { app } = holdfast
  await createWebhook(app, LOCAL_OPERATOR, { url: receiver.url, events: ['inventory.changed'] })
  // before the worker: what is measured is how fast it sends, not how fast stock changes
  for (let count = 0; count < changes; count++) {
    const rows = ITEMS.map((sku) => ({ sku, delta: 1 }))
    await adjustInventories(app, LOCAL_OPERATOR, { changes: rows, reason: 'bench' })
  }
  await using worker = await startHoldfast({
    DATABASE_URL: database.url,
    ROLE: 'worker',
    WEBHOOK_PRIVATE_ADDRESSES: 'allow',
  })
  await receiver.until(1)
  const [startedAtMs, cpuBeforeMs, before] = [
    performance.now(),
    await readCpuMs([worker.pid]),
    receiver.count(),
  ]
  await receiver.until(changes * ITEMS.length)
  const ms = performance.now() - startedAtMs
  const cpuMs = (await readCpuMs([worker.pid])) - cpuBeforeMs
  await assertNoBreaches(database)
  return { perSecond: ((receiver.count() - before) / ms) * 1_000, cores: cpuMs / ms }
}

/** A receiver in this process that answers at once. */
async function startReceiver() {
  let received = 0
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      received++
      response.writeHead(204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    count: () => received,
    async until(count: number) {
      for (const deadline = performance.now() + ARRIVAL_LIMIT_MS; received < count; await sleep(10)) {
        if (performance.now() > deadline) throw new Error(`${received} of ${count} deliveries arrived`)
      }
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}
