import type { Logger } from 'pino'
import { afterEach, expect, test, vi } from 'vitest'
import { logTracing } from '../../../src/observability/traces/log-tracing.ts'

afterEach(() => void vi.useRealTimers())

test('complaints are logged once a minute, the first at once, with how many there were', () => {
  vi.useFakeTimers()
  const lines: unknown[] = []
  const write = (level: string) => (fields: object, message: string) => lines.push([level, fields, message])
  const { error, warn } = logTracing({ error: write('error'), warn: write('warn') } as unknown as Logger)
  const readLines = () => lines.splice(0)

  error('first')
  expect(readLines()).toEqual([['error', { detail: 'first', times: 1 }, 'tracing error']])
  for (let time = 0; time < 11; time++) {
    error(`again ${time}`)
    vi.advanceTimersByTime(5_000)
  }
  warn('of another kind')
  expect(readLines()).toEqual([['warn', { detail: 'of another kind', times: 1 }, 'tracing warning']])
  vi.advanceTimersByTime(5_000)
  expect(readLines()).toEqual([['error', { detail: 'again 10', times: 11 }, 'tracing error']])
  vi.advanceTimersByTime(120_000)
  expect(readLines()).toEqual([])
  error('much later')
  expect(readLines()).toEqual([['error', { detail: 'much later', times: 1 }, 'tracing error']])
})
