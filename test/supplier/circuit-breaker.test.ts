import { expect, test } from 'vitest'
import { withCircuitBreaker } from '../../src/supplier/circuit-breaker.ts'
import type { Supplier } from '../../src/supplier/contract.ts'
import { eventually } from '../support/harness.ts'
import { CALL } from '../support/supplier-call.ts'

/** Longer than a busy machine needs to look at a circuit that has just opened. */
const PROBE_AFTER_MS = 300
/** Within the sample's 10 s, more than 5 a second. */
const MANY = 60

/** A supplier whose line can be cut, and that counts its calls. */
function play(probeAfterMs = PROBE_AFTER_MS) {
  const state = { isDown: false, calls: 0 }
  const answer = async <Answer>(ok: Answer) => {
    state.calls++
    return state.isDown ? ({ kind: 'transport-error', cause: 'connection', detail: 'refused' } as const) : ok
  }
  const supplier: Supplier = {
    reserve: () => answer({ kind: 'accepted', ref: 'r' } as const),
    checkStatus: () => answer({ kind: 'ok' } as const),
    close: async () => {},
  }
  return { state, guarded: withCircuitBreaker(supplier, { probeAfterMs }) }
}

const order = { id: 'o', sku: 'A', qty: 1, key: 'o' }

async function callMany(guarded: Supplier, times = MANY): Promise<void> {
  for (let i = 0; i < times; i++)
    await (i % 2 ? guarded.reserve(order, CALL) : guarded.checkStatus('r', CALL))
}

test('lets answers through, refusals and failures too: they are answers', async () => {
  const { state, guarded } = play()
  await callMany(guarded)
  expect(state.calls).toBe(MANY)
  expect(guarded.circuit()).toBe('closed')
  expect(await guarded.reserve(order, CALL)).toEqual({ kind: 'accepted', ref: 'r' })
})

test('spares a supplier that answers nothing: calls fail at once, without reaching it', async () => {
  const { state, guarded } = play(60_000)
  state.isDown = true
  await callMany(guarded)
  expect(guarded.circuit()).toBe('open')
  const { calls } = state
  expect(calls).toBeLessThan(MANY)
  expect(await guarded.reserve(order, CALL)).toMatchObject({
    kind: 'transport-error',
    cause: 'circuit-open',
    retryAfterMs: 60_000,
  })
  expect(state.calls).toBe(calls)
})

test('probes by one call at a time, stays open while that fails, and closes when it succeeds', async () => {
  const { state, guarded } = play()
  state.isDown = true
  await callMany(guarded)
  const before = state.calls
  await eventually(() => guarded.circuit() === 'half-open')
  await Promise.all([
    guarded.reserve(order, CALL),
    guarded.reserve(order, CALL),
    guarded.reserve(order, CALL),
  ])
  expect(state.calls).toBe(before + 1)
  expect(guarded.circuit()).toBe('open')
  state.isDown = false
  await eventually(() => guarded.circuit() === 'half-open')
  expect(await guarded.reserve(order, CALL)).toEqual({ kind: 'accepted', ref: 'r' })
  expect(guarded.circuit()).toBe('closed')
})

test('is open no longer than calls are spared: without calls it is half-open until one comes', async () => {
  const { state, guarded } = play()
  state.isDown = true
  await callMany(guarded)
  expect(guarded.circuit()).toBe('open')
  await eventually(() => guarded.circuit() === 'half-open')
  await guarded.reserve(order, CALL)
  expect(guarded.circuit()).toBe('open')
  await eventually(() => guarded.circuit() === 'half-open')
})

test('stays closed when a few calls fail, or every second one', async () => {
  const { state, guarded } = play()
  state.isDown = true
  await callMany(guarded, 5)
  expect(guarded.circuit()).toBe('closed')
  for (let i = 0; i < MANY; i++) {
    state.isDown = i % 2 === 0
    await guarded.reserve(order, CALL)
  }
  expect(guarded.circuit()).toBe('closed')
})
