import { expect, test } from 'vitest'
import { formatProgress, ProgressBar } from '../../src/client/progress-bar.ts'

test('names rows and rate', () => {
  expect(formatProgress({ rows: 45_000, total: 100_000, elapsedMs: 10_000 })).toBe(
    '██████████░░░░░░░░░░░░░░ 45%  45,000 of 100,000 rows  4,500 rows/s',
  )
  expect(formatProgress({ rows: 7, total: 7, elapsedMs: 0 })).toBe(
    `${'█'.repeat(24)}100%  7 of 7 rows  0 rows/s`,
  )
  expect(formatProgress({ rows: 0, total: 0, elapsedMs: 1 })).toContain('100%')
  expect(formatProgress({ rows: 1_200, total: null, elapsedMs: 500 })).toBe('1,200 rows  2,400 rows/s')
})

test.each([true, false])('is drawn on a terminal alone: %s', (isTTY) => {
  const written: string[] = []
  const bar = new ProgressBar({ isTTY, write: (text: string) => written.push(text) > 0 })
  bar.draw(1, 10)
  // too soon for an eye
  bar.draw(2, 10)
  bar.clear()
  expect(written).toHaveLength(isTTY ? 2 : 0)
  if (isTTY) expect(written[0]).toContain('1 of 10 rows')
})
