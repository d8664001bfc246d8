import fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSupplierClient } from '../../src/supplier/client.ts'
import type { Supplier } from '../../src/supplier/contract.ts'
import { supplierSimulator } from '../../src/supplier/simulator.ts'
import { CALL } from '../support/supplier-call.ts'

const orderId = '0199c0de-0000-7000-8000-000000000001'
const otherOrderId = '0199c0de-0000-7000-8000-000000000002'

let server: ReturnType<typeof fastify>

beforeEach(() => {
  server = fastify()
  server.register(supplierSimulator)
})
afterEach(() => server.close())

describe('by request', () => {
  it.each([
    ['SCARCE-OK', ['ok', 'ok', 'ok']],
    ['SCARCE-FAIL', ['fail', 'fail', 'fail']],
    ['SCARCE-DELAYED', ['delayed', 'delayed', 'delayed']],
    ['SCARCE-LATE', ['delayed', 'ok', 'ok']],
    ['OTHER', ['ok', 'ok', 'ok']],
    ['FAIL', ['ok', 'ok', 'ok']],
    ['SCARCE-FAIL-OK', ['ok', 'ok', 'ok']],
    ['SCARCE-fail', ['ok', 'ok', 'ok']],
    ['SCARCE-', ['ok', 'ok', 'ok']],
  ])('accepts %s and then says %j', async (sku, statuses) => {
    const ref = await accept(sku)
    for (const status of statuses) expect((await checkStatus(ref)).json()).toEqual({ status })
  })

  it('does not accept …-REFUSED', async () => {
    const response = await reserve('SCARCE-REFUSED')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({ accepted: false })
  })

  it('answers …-DOWN with 503 however often it is asked', async () => {
    for (let call = 1; call <= 4; call++) expect((await reserve('SCARCE-DOWN')).statusCode).toBe(503)
  })

  it('answers every odd call for …-FLAKY with 503, on both paths, for each order by itself', async () => {
    expect((await reserve('SCARCE-FLAKY')).statusCode).toBe(503)
    expect((await reserve('SCARCE-FLAKY', otherOrderId)).statusCode).toBe(503)
    const ref = await accept('SCARCE-FLAKY')
    expect((await checkStatus(ref)).statusCode).toBe(503)
    expect((await checkStatus(ref)).json()).toEqual({ status: 'ok' })
    expect(await accept('SCARCE-FLAKY', otherOrderId)).not.toBe(ref)
  })

  it('delays …-LATE for each order by itself', async () => {
    const refs = [await accept('SCARCE-LATE'), await accept('SCARCE-LATE', otherOrderId)]
    for (const ref of refs) expect((await checkStatus(ref)).json()).toEqual({ status: 'delayed' })
    for (const ref of refs) expect((await checkStatus(ref)).json()).toEqual({ status: 'ok' })
  })

  it('gives the same reference when an order is sent again', async () => {
    expect(await accept('SCARCE-LATE')).toBe(await accept('SCARCE-LATE'))
  })

  it('tells two lines of an order apart by their keys', async () => {
    const refs = await Promise.all(
      ['A-LATE', 'B-LATE'].map((sku) => accept(sku, orderId, `${orderId}:${sku}`)),
    )
    for (const ref of refs) expect((await checkStatus(ref)).json()).toEqual({ status: 'delayed' })
    for (const ref of refs) expect((await checkStatus(ref)).json()).toEqual({ status: 'ok' })
  })

  it.each([
    ['SCARCE-FAIL', ['fail']],
    ['SCARCE-LATE', ['delayed', 'ok']],
  ])('knows a reference for %s after a restart, and says %j', async (sku, statuses) => {
    const ref = await accept(sku)
    await checkStatus(ref)
    await server.close()
    server = fastify()
    server.register(supplierSimulator)
    for (const status of statuses) expect((await checkStatus(ref)).json()).toEqual({ status })
  })

  it.each(['1', 'order 7/8?', '..', 'é\u0000', 'x'.repeat(5000)])('takes any order id', async (id) => {
    const ref = await accept('SCARCE-DELAYED', id)
    expect(ref).toMatch(/^[\w-]{1,100}$/)
    expect((await checkStatus(ref)).json()).toEqual({ status: 'delayed' })
  })

  it.each([
    undefined,
    '',
    'no JSON',
    'null',
    '{}',
    '{"order_id": "1", "sku": "A"}',
    '{"order_id": "1", "sku": "A", "qty": 0}',
    '{"order_id": "1", "sku": "A", "qty": 1.5}',
    '{"order_id": "1", "sku": "A", "qty": "1"}',
    '{"order_id": "1", "sku": "", "qty": 1}',
  ])('answers the body %s with 400', async (payload) => {
    const headers = payload === undefined ? {} : { 'content-type': 'application/json' }
    const response = await server.inject({ method: 'POST', url: '/supplier/reserve', headers, payload })
    expect(response.statusCode).toBe(400)
  })

  it.each(['1234', 'lost-1', 'OK-1'])('does not know the reference %s', async (ref) => {
    expect((await checkStatus(ref)).statusCode).toBe(404)
  })

  const reserve = (sku: string, order_id = orderId, key?: string) => {
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    const payload = { order_id, sku, qty: 1 }
    return server.inject({ method: 'POST', url: '/supplier/reserve', headers, payload })
  }
  const checkStatus = (ref: string) => server.inject(`/supplier/status/${ref}`)
  const accept = async (sku: string, id = orderId, key?: string): Promise<string> => {
    const answer = (await reserve(sku, id, key)).json()
    expect(answer).toEqual({ accepted: true, ref: expect.any(String) })
    return answer.ref
  }
})

describe('by the client over HTTP', () => {
  let supplier: Supplier

  beforeEach(async () => {
    const baseUrl = await server.listen({ host: '127.0.0.1', port: 0 })
    supplier = createSupplierClient({ baseUrl, timeoutMs: 5000 })
  })
  afterEach(() => supplier.close())

  it.each([
    ['SCARCE-OK', ['accepted', 'ok']],
    ['WIDGET', ['accepted', 'ok']],
    ['SCARCE-FAIL', ['accepted', 'fail']],
    ['SCARCE-DELAYED', ['accepted', 'delayed', 'delayed', 'delayed']],
    ['SCARCE-LATE', ['accepted', 'delayed', 'ok']],
    ['SCARCE-REFUSED', ['refused']],
    ['SCARCE-DOWN', [503, 503, 503]],
    ['SCARCE-FLAKY', [503, 'accepted', 503, 'ok']],
  ])('answers the calls for %s with %j', async (sku, expected) => {
    const seen: unknown[] = []
    let ref: string | undefined
    while (seen.length < expected.length) {
      const answer =
        ref === undefined
          ? await supplier.reserve({ id: orderId, sku, qty: 2, key: orderId }, CALL)
          : await supplier.checkStatus(ref, CALL)
      if (answer.kind === 'accepted') ref = answer.ref
      seen.push(answer.kind === 'transport-error' ? answer.httpStatus : answer.kind)
    }
    expect(seen).toEqual(expected)
  })
})
