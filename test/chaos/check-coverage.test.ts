import { expect, test } from 'vitest'
import { CHECKED, checkCoverage } from '../../chaos/check-coverage.ts'
import { Findings } from '../../chaos/findings.ts'

/** What a run counts in which enough happened. */
const ENOUGH = {
  ...Object.fromEntries(CHECKED.map((what) => [what, 1])),
  'drawn: connections cut': 3,
  'fault: connections cut': 1,
  'drawn: connections refused': 2,
  'drawn: SIGKILL between two steps': 7,
  'fault: SIGKILL between two steps': 7,
  'gap: a → commit': 1,
  'gap: b → commit': 1,
  'gap: c → commit': 1,
  'gap: d → commit': 1,
  'gap: e → commit': 1,
  'gap: f → commit': 1,
  'gap: g → commit': 1,
  'gap: h → commit': 0,
}

function check(changes: Record<string, number>, minutes: number): string[] {
  const findings = new Findings()
  for (const [what, count] of Object.entries({ ...ENOUGH, ...changes })) findings.count(what, count)
  checkCoverage(findings, minutes)
  return findings.violations().map((violation) => violation.check)
}

test('finds nothing where enough happened', () => {
  expect(check({}, 3)).toEqual([])
})

test('finds a kind of fault that never met anything', () => {
  expect(check({ 'fault: connections cut': 0 }, 1)).toEqual(['each kind of fault takes effect'])
})

test.each(CHECKED)('finds a run with nothing of what is checked: %s', (what) => {
  expect(check({ [what]: 0 }, 1)).toEqual(['there is something to check'])
})

test('finds a run of three minutes that hit few gaps of the flow of orders', () => {
  const few = { 'gap: g → commit': 0, 'gap: … → beat': 5 }
  expect(check(few, 3)).toEqual(['processes are killed between the steps of an order'])
  expect(check(few, 2)).toEqual([])
})
