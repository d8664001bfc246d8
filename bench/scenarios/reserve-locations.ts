import type pg from 'pg'
import type { Scenario } from '../scenario.ts'
import { pickEvenly, skuNames, storeItems } from '../support/backlog.ts'
import { WARM_UP_ORDERS } from '../support/drain.ts'
import { drainByHoldfast, drainPerOrder } from '../support/drain-sides.ts'
import { takeTurns } from '../take-turns.ts'

const ORDERS = 20_000
const ORDERS_QUICK = 2_000
const ITEMS = skuNames(1_000)
const LOCATIONS = ['MAIN', 'NORTH', 'EAST', 'SOUTH', 'WEST']

/** Reserving orders that wait, of SKUs that are in stock in several locations, against a transaction an order. */
export const scenario: Scenario = {
  name: 'reserve-locations',
  description: 'orders that wait are reserved, of 1,000 SKUs in 5 locations',
  run: async (context) => {
    const skus = pickEvenly(ITEMS, context.isQuick ? ORDERS_QUICK : ORDERS)
    // all that is ordered and no more than a piece a location on top of it: each runs out while the next has stock
    const available = Math.ceil((skus.length + WARM_UP_ORDERS) / ITEMS.length / LOCATIONS.length)
    const store = (client: pg.ClientBase) => storeItems(client, ITEMS, available, LOCATIONS)
    const { holdfast, perOrder } = await takeTurns(context, {
      holdfast: () => drainByHoldfast(context, { skus, store }),
      perOrder: () => drainPerOrder(context, { skus, store }),
    })
    return [
      {
        kind: 'comparison',
        title: `reserving ${skus.length.toLocaleString('en')} orders of 1,000 SKUs in ${LOCATIONS.length} locations`,
        against: 'a transaction an order',
        unit: 'orders/s',
        holdfast,
        baseline: perOrder,
        // as in one location
        target: { kind: 'at-least', value: 5 },
      },
    ]
  },
}
