import { type ChildProcess, spawn } from 'node:child_process'
import { afterEach, expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { redeliverWebhooks } from '../../src/use-cases/webhooks/verbs/redeliver-webhooks.ts'
import { test } from '../support/fixtures.ts'
import { findFreePort } from '../support/free-port.ts'
import { eventually, seed, startTestWorker } from '../support/harness.ts'
import { listenAt, untilDelivery } from '../support/webhooks.ts'

let child: ChildProcess
afterEach(() => void child.kill())

test('webhook-receiver.ts verifies what comes, prints it once, and refuses what is not signed', async ({
  testApp,
  app,
}) => {
  const url = `http://127.0.0.1:${await findFreePort()}/`
  const { id, secret } = await listenAt(app, url, ['order.*'])
  let output = ''
  child = spawn(process.execPath, ['examples/webhook-receiver.ts'], {
    env: { ...process.env, WEBHOOK_SECRET: secret, PORT: new URL(url).port },
  })
  child.stdout!.on('data', (chunk) => {
    output += chunk
  })
  await eventually(() => output.includes('listening'))
  const worker = await startTestWorker(testApp)
  await seed(app).item({ available: 1 })
  const order = await seed(app).order()
  await eventually(() => output.includes(`order.reserved reserved evt_${order.id}_2`))
  await eventually(() => output.includes(`evt_${order.id}_1`))
  const created = await untilDelivery(app, id, ({ eventType, status }) => {
    return eventType === 'order.created' && status === 'DELIVERED'
  })
  await redeliverWebhooks(app, LOCAL_OPERATOR, [created.id])
  await eventually(() => output.includes(`again evt_${order.id}_1`))
  const forged = await fetch(url, { method: 'POST', body: '{}', headers: { 'webhook-id': 'x' } })
  expect(forged.status).toBe(401)
  await worker.stop()
})
