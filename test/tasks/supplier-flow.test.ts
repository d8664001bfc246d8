import { HttpResponse } from 'msw'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Worker } from '../../src/tasks/worker.ts'
import { createTestApp, seed, startTestWorker, type TestApp } from '../support/harness.ts'
import { untilNoJobs } from '../support/queue.ts'
import { playSupplier, type SupplierScript } from '../support/supplier.ts'

const supplier = playSupplier()
let test_: TestApp
let worker: Worker
beforeAll(async () => {
  supplier.start()
  test_ = await createTestApp()
  worker = await startTestWorker(test_)
  await seed(test_.app).item({ sku: 'SCARCE', available: 0 })
})
afterAll(async () => {
  await worker.stop()
  await test_.close()
  supplier.stop()
})

/** Orders three of what only the supplier has, and waits until the order is final and its last job gone. */
async function orderFrom(script: SupplierScript) {
  supplier.follow(script)
  const { prisma, pool } = test_.app
  const { id } = await seed(test_.app).order({ sku: 'SCARCE', qty: 3 })
  await untilNoJobs(pool)
  const include = {
    events: { orderBy: { version: 'asc' } },
    movements: { orderBy: { id: 'asc' } },
    supplierRequests: true,
  } as const
  return prisma.order.findUniqueOrThrow({ where: { id }, include })
}

const callKinds = () => supplier.calls.map((call) => call.kind)

describe('the supplier', () => {
  test('delivers: its goods come in and go to the order', async () => {
    const order = await orderFrom({})
    expect(order).toMatchObject({
      status: 'RESERVED',
      version: 3,
      supplierRequests: [{ state: 'DELIVERED', ref: `ref-${order.id}` }],
      failureReason: null,
    })
    expect(order.movements.map(({ type, delta }) => [type, delta])).toEqual([
      ['SUPPLIER_RECEIPT', 3],
      ['RESERVATION', -3],
    ])
    expect(order.movements[0]!.availableAfter).toBe(order.movements[1]!.availableAfter + 3n)
    expect(order.events.map((event) => event.to)).toEqual(['PENDING', 'AWAITING_RESTOCK', 'RESERVED'])
    expect(supplier.calls).toEqual([
      { kind: 'reserve', orderId: order.id, key: order.id },
      { kind: 'status', ref: `ref-${order.id}` },
    ])
  })

  test('refuses: SUPPLIER_REFUSED, and nobody asks again', async () => {
    const order = await orderFrom({ reserve: () => ({ accepted: false }) })
    expect(order).toMatchObject({
      status: 'FAILED',
      failureReason: 'SUPPLIER_REFUSED',
      version: 3,
      movements: [],
    })
    expect(callKinds()).toEqual(['reserve'])
  })

  test('fails: SUPPLIER_FAILED', async () => {
    const order = await orderFrom({ status: () => ({ status: 'fail' }) })
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'SUPPLIER_FAILED', movements: [] })
    expect(callKinds()).toEqual(['reserve', 'status'])
  })

  test('is late once, and then delivers', async () => {
    let checks = 0
    const order = await orderFrom({ status: () => ({ status: ++checks === 1 ? 'delayed' : 'ok' }) })
    expect(order).toMatchObject({ status: 'RESERVED', version: 3 })
    expect(callKinds()).toEqual(['reserve', 'status', 'status'])
  })

  test('is late for ever: two re-checks, and the third "delayed" is SUPPLIER_DELAYED', async () => {
    const order = await orderFrom({ status: () => ({ status: 'delayed' }) })
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'SUPPLIER_DELAYED', version: 3 })
    expect(callKinds()).toEqual(['reserve', 'status', 'status', 'status'])
  })

  const errors: [string, () => Response | Promise<Response>][] = [
    ['503', () => HttpResponse.json({}, { status: 503 })],
    ['500', () => HttpResponse.json({ accepted: true, ref: 'x', status: 'ok' }, { status: 500 })],
    ['429', () => HttpResponse.json({}, { status: 429, headers: { 'retry-after': '0' } })],
    ['404', () => HttpResponse.json({}, { status: 404 })],
    [
      'a redirect',
      () => HttpResponse.json({}, { status: 302, headers: { location: 'http://elsewhere.test/' } }),
    ],
    ['no JSON', () => HttpResponse.text('<html>')],
    ['JSON of another kind', () => HttpResponse.json({ accepted: 'yes', status: 'shipped' })],
    ['an empty body', () => new HttpResponse(null, { status: 200 })],
    ['a broken connection', () => HttpResponse.error()],
    [
      'a time-out',
      () => new Promise<Response>((resolve) => setTimeout(() => resolve(HttpResponse.json({})), 1_000)),
    ],
  ]

  test.each(errors)(
    'answers a request with %s: tried 3 times, then SUPPLIER_UNREACHABLE',
    async (_name, respond) => {
      const order = await orderFrom({ reserve: respond })
      expect(order).toMatchObject({
        status: 'FAILED',
        failureReason: 'SUPPLIER_UNREACHABLE',
        supplierRequests: [{ state: 'UNREACHABLE', ref: null }],
      })
      expect(callKinds()).toEqual(['reserve', 'reserve', 'reserve'])
      expect(new Set(supplier.calls.map((call) => call.kind === 'reserve' && call.key))).toEqual(
        new Set([order.id]),
      )
    },
  )

  test.each(errors)(
    'answers a check with %s: tried 3 times, then SUPPLIER_UNREACHABLE',
    async (_name, respond) => {
      const order = await orderFrom({ status: respond })
      expect(order).toMatchObject({ status: 'FAILED', failureReason: 'SUPPLIER_UNREACHABLE' })
      expect(callKinds()).toEqual(['reserve', 'status', 'status', 'status'])
    },
  )

  test('errors of transport between answers use up no re-check, and answers forgive earlier errors', async () => {
    const script = ['error', 'delayed', 'error', 'error', 'delayed', 'error', 'ok']
    const order = await orderFrom({
      status: () => {
        const next = script.shift()!
        return next === 'error' ? HttpResponse.json({}, { status: 503 }) : { status: next }
      },
    })
    expect(order).toMatchObject({ status: 'RESERVED', version: 3 })
    expect(script).toEqual([])
  })
})
