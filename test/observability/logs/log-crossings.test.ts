import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { createTestApp, seed } from '../../support/harness.ts'
import { readNonZero } from '../../support/metrics.ts'

const CROSSED = 'stock threshold crossed'

test('a threshold that stock crosses is logged and counted once', async () => {
  const lines: Record<string, unknown>[] = []
  const write = (line: string) => void lines.push(JSON.parse(line))
  const logger = pino({ level: 'info', base: null }, { write })
  const { app, close } = await createTestApp(undefined, undefined, logger)
  onTestFinished(close)
  const seen = async () => ({
    logged: lines.filter(({ msg }) => msg === CROSSED).map(({ sku, crossed }) => [sku, crossed]),
    counted: await readNonZero(app, 'holdfast_stock_thresholds_total'),
  })
  await seed(app).item({ sku: 'A', available: 5 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'A', lowStockAt: 3n })
  await seed(app).stock({ sku: 'A', qty: -1 })
  expect(await seen()).toEqual({ logged: [], counted: {} })

  await seed(app).stock({ sku: 'A', qty: -1 })
  await seed(app).stock({ sku: 'A', qty: -1 })
  expect(await seen()).toEqual({ logged: [['A', ['LOW']]], counted: { '{threshold="LOW"}': 1 } })

  await seed(app).stock({ sku: 'A', qty: -2 })
  await seed(app).stock({ sku: 'A', qty: 9 })
  expect(await seen()).toEqual({
    logged: [
      ['A', ['LOW']],
      ['A', ['OUT']],
      ['A', ['BACK']],
    ],
    counted: { '{threshold="LOW"}': 1, '{threshold="OUT"}': 1, '{threshold="BACK"}': 1 },
  })
})
