import { expect, test, vi } from 'vitest'
import { SharedResults } from '../../../../src/http/graphql/streams/shared-results.ts'

const RESULT = { data: { a: 1 } }

test('an event is executed once for each question', () => {
  const shared = new SharedResults()
  const [event, other] = [{}, {}]
  const execute = vi.fn(() => RESULT)
  for (const [of, question] of [
    [event, 'a'],
    [event, 'a'],
    [event, 'b'],
    [other, 'a'],
  ] as const)
    expect(shared.of(of, question, execute)).toBe(RESULT)
  expect(execute).toHaveBeenCalledTimes(3)
})

test.each([
  ['what was read for it', Promise.resolve(RESULT)],
  ['an error', { data: null, errors: [] as never[] }],
])('%s is not shared', (_name, result) => {
  const shared = new SharedResults()
  const event = {}
  const execute = vi.fn(() => result)
  shared.of(event, 'a', execute)
  shared.of(event, 'a', execute)
  expect(execute).toHaveBeenCalledTimes(2)
})

test('results of the oldest events are dropped, however many ask for them', () => {
  const shared = new SharedResults()
  const events = Array.from({ length: 100 }, () => ({}))
  for (const event of events)
    for (let question = 0; question < 100; question++) shared.of(event, String(question), () => RESULT)
  const execute = vi.fn(() => RESULT)
  shared.of(events[0]!, '0', execute)
  expect(execute).toHaveBeenCalledOnce()
  const newest = vi.fn(() => RESULT)
  for (const event of events.slice(-39)) shared.of(event, '99', newest)
  expect(newest).not.toHaveBeenCalled()
})
