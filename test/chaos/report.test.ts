import { expect, test } from 'vitest'
import { Findings } from '../../chaos/findings.ts'
import { printReport } from '../../chaos/report.ts'

/** The lines of the report about a run that counted this, and found what `spoil` puts in. */
function report(counts: Record<string, number>, spoil: (findings: Findings) => void = () => {}): string[] {
  const findings = new Findings()
  for (const [what, count] of Object.entries(counts)) findings.count(what, count)
  spoil(findings)
  const lines: string[] = []
  printReport(findings, { seed: 2026, minutes: 3 }, (text) => lines.push(...text.split('\n')))
  return lines
}

/** The lines below a title, up to the next empty one. */
function section(lines: readonly string[], title: string): string[] {
  const start = lines.indexOf(title) + 1
  expect(start).toBeGreaterThan(0)
  return lines.slice(start, lines.indexOf('', start)).map((line) => line.trim().replace(/ +/, ' '))
}

const COUNTS = {
  'fault: connections cut': 4,
  'fault: SIGKILL at any time': 2,
  'fault: SIGKILL between two steps': 3,
  'drawn: connections cut': 9,
  'gap: a → commit': 3,
  'gap: b → commit': 0,
  'supplier: requests': 70,
  'supplier: harm: 503': 20,
  'supplier: harm: malformed body': 5,
  orders: 1_234,
  'orders RESERVED': 1_200,
}

test('prints the faults by kind, and how many there were in all', () => {
  const lines = report(COUNTS)
  expect(section(lines, 'Faults injected')).toEqual([
    '4 connections cut',
    '2 SIGKILL at any time',
    '3 SIGKILL between two steps',
  ])
  expect(section(lines, 'SIGKILLs between two steps')).toEqual(['3 a → commit', '0 b → commit'])
  expect(section(lines, 'The supplier')).toEqual(['20 harm: 503', '5 harm: malformed body', '70 requests'])
  expect(lines).toContain('Faults: 9, and 25 by the supplier')
  expect(lines).toContain('SIGKILLs: 5, in 1 of 2 gaps')
})

test('prints the orders, no violations where there are none, and how to do the same again', () => {
  const lines = report(COUNTS)
  expect(section(lines, 'The run')).toEqual(['1234 orders', '1200 orders RESERVED'])
  expect(lines).toContain('Orders: 1234')
  expect(lines).toContain('Violations: 0')
  expect(lines.at(-1)).toBe('The same again: npm run chaos -- --seed 2026 --minutes 3')
})

test('says 0 orders where none was counted', () => {
  expect(report({})).toContain('Orders: 0')
})

test('counts every violation, and prints the first of each check with its subject', () => {
  const lines = report(COUNTS, (findings) => {
    for (let order = 1; order <= 7; order++) findings.violate('one key, one order', `key ${order}`, 'has two')
    findings.violate('every order is final within its deadline', 'order 8', 'PENDING')
  })
  expect(lines).toContain('Violations: 8')
  expect(section(lines, '  one key, one order: 7')).toEqual(
    [1, 2, 3, 4, 5].map((order) => `key ${order}: has two`),
  )
  expect(section(lines, '  every order is final within its deadline: 1')).toEqual(['order 8: PENDING'])
  expect(lines.at(-1)).toContain('--seed 2026')
})

test('prints each kind of error in the logs once, with how often', () => {
  const lines = report(COUNTS, (findings) => {
    findings.log('lost order 1', 'in full')
    findings.log('lost order 2', 'in full')
  })
  expect(section(lines, 'Errors in the logs')).toEqual(['2 lost order #'])
})
