import type pg from 'pg'
import type { Scenario } from '../scenario.ts'
import { pickLines, skuNames, storeItems } from '../support/backlog.ts'
import { drainByHoldfast, drainPerOrder } from '../support/drain-sides.ts'
import { takeTurns } from '../take-turns.ts'

const ORDERS = 10_000
const ORDERS_QUICK = 2_000
const LINES = 5
const ITEMS = skuNames(1_000)

/** Reserving orders of several lines that wait, against a transaction an order. */
export const scenario: Scenario = {
  name: 'reserve-lines',
  description: 'orders of 5 lines that wait are reserved, of 1,000 SKUs',
  run: async (context) => {
    const skus = pickLines(ITEMS, context.isQuick ? ORDERS_QUICK : ORDERS, LINES)
    const backlog = { skus, store: (client: pg.ClientBase) => storeItems(client, ITEMS) }
    const { holdfast, perOrder } = await takeTurns(context, {
      holdfast: () => drainByHoldfast(context, backlog),
      perOrder: () => drainPerOrder(context, backlog),
    })
    return [
      {
        kind: 'comparison',
        title: `reserving ${skus.length.toLocaleString('en')} orders of ${LINES} lines, of 1,000 SKUs`,
        against: 'a transaction an order',
        unit: 'orders/s',
        holdfast,
        baseline: perOrder,
        target: { kind: 'at-least', value: 8 },
      },
    ]
  },
}
