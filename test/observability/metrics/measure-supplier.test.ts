import { HttpResponse } from 'msw'
import { Registry } from 'prom-client'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { measureSupplier } from '../../../src/observability/metrics/measure-supplier.ts'
import { observeSupplier } from '../../../src/observability/observe-supplier.ts'
import { type GuardedSupplier, withCircuitBreaker } from '../../../src/supplier/circuit-breaker.ts'
import { createSupplierClient } from '../../../src/supplier/client.ts'
import { SUPPLIER_URL } from '../../support/harness.ts'
import { readNonZero, readSamples } from '../../support/metrics.ts'
import { playSupplier } from '../../support/supplier.ts'
import { CALL } from '../../support/supplier-call.ts'

const ORDER = { id: '01890a5d-ac96-774b-bcce-b302099a8057', sku: 'BOLT', qty: 1, key: 'bolt' }
/** Enough without an answer to open the circuit: it takes 5 a second, over 10 s. */
const MANY = 60

const played = playSupplier()
beforeAll(() => played.start())
afterAll(() => played.stop())

let app: App
let supplier: GuardedSupplier
beforeEach(() => {
  played.follow({})
  const metrics = new Registry()
  app = { metrics } as App
  const client = createSupplierClient({ baseUrl: SUPPLIER_URL, timeoutMs: 100 })
  const guarded = withCircuitBreaker(client)
  supplier = observeSupplier(guarded, measureSupplier(metrics, guarded))
  onTestFinished(() => supplier.close())
})

const counts = () => readNonZero(app, 'holdfast_supplier_request_duration_seconds_count')
const circuit = () => readNonZero(app, 'holdfast_supplier_circuit')
const labels = (operation: string, outcome: string) => `{operation="${operation}",outcome="${outcome}"}`

test('each answer is counted by what it says', async () => {
  expect(await counts()).toEqual({})
  expect(await supplier.reserve(ORDER, CALL)).toMatchObject({ kind: 'accepted' })
  played.follow({ reserve: () => ({ accepted: false }) })
  expect(await supplier.reserve(ORDER, CALL)).toMatchObject({ kind: 'refused' })
  for (const status of ['ok', 'fail', 'delayed', 'delayed']) {
    played.follow({ status: () => ({ status }) })
    expect(await supplier.checkStatus('r', CALL)).toMatchObject({ kind: status })
  }
  expect(await counts()).toEqual({
    [labels('reserve', 'accepted')]: 1,
    [labels('reserve', 'refused')]: 1,
    [labels('status', 'ok')]: 1,
    [labels('status', 'fail')]: 1,
    [labels('status', 'delayed')]: 2,
  })
})

test.each([
  ['timeout', () => new Promise<never>(() => {})],
  ['connection', () => HttpResponse.error()],
  ['http-status', () => new HttpResponse(null, { status: 503 })],
  ['redirect', () => new HttpResponse(null, { status: 302 })],
  ['malformed', () => ({ nonsense: true })],
  ['too-large', () => ({ accepted: true, ref: 'x'.repeat(100_000) })],
])('no answer is counted by its cause: %s', async (cause, answer) => {
  played.follow({ reserve: answer, status: answer })
  // it is there before, as 0: what is alerted on must not begin with its first increase
  expect((await readSamples(app)).get(sampleOf('reserve', cause))).toBe(0)
  await supplier.reserve(ORDER, CALL)
  await supplier.checkStatus('r', CALL)
  expect(await counts()).toEqual({ [labels('reserve', cause)]: 1, [labels('status', cause)]: 1 })
})

test('an answer is timed, in seconds', async () => {
  await supplier.reserve(ORDER, CALL)
  played.follow({ status: () => new Promise<never>(() => {}) })
  await supplier.checkStatus('r', CALL)
  const tookS = await readNonZero(app, 'holdfast_supplier_request_duration_seconds_sum')
  expect(tookS[labels('status', 'timeout')]).toBeGreaterThan(0.09)
  expect(tookS[labels('status', 'timeout')]).toBeLessThan(30)
})

test('calls that the circuit breaker spares are counted apart, and its state is shown', async () => {
  expect(await circuit()).toEqual({ '{state="closed"}': 1 })
  played.follow({ reserve: () => new HttpResponse(null, { status: 503 }) })
  for (let times = 0; times < MANY; times++) await supplier.reserve(ORDER, CALL)
  expect(await circuit()).toEqual({ '{state="open"}': 1 })
  const spared = MANY - played.calls.length
  expect(spared).toBeGreaterThan(0)
  expect(await counts()).toEqual({
    [labels('reserve', 'http-status')]: played.calls.length,
    [labels('reserve', 'circuit-open')]: spared,
  })
})

test('no combination is shown that cannot be', async () => {
  const samples = [...(await readSamples(app)).keys()]
  const series = samples.filter((name) => name.startsWith('holdfast_supplier_request_duration_seconds_count'))
  // 2 answers and 3, and 7 causes for each
  expect(series).toHaveLength(19)
  expect(series).not.toContain(sampleOf('status', 'accepted'))
})

function sampleOf(operation: string, outcome: string): string {
  return `holdfast_supplier_request_duration_seconds_count${labels(operation, outcome)}`
}
