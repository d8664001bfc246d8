import { validate as isUuid } from 'uuid'
import { readOrdersOf } from '../../use-cases/orders/find-order.ts'
import { listWaitingOrders } from '../../use-cases/stock/list-waiting-orders.ts'
import { builder } from '../builder.ts'
import { pageCost, readPage } from '../page.ts'
import { OrderConnection } from './order.ts'

builder.queryField('waitingOrders', (t) =>
  // no connection of Pothos: a queue is read from its front alone
  t.field({
    type: OrderConnection,
    description:
      'Orders that wait for a SKU, oldest first: in the order in which they are served. One that does not fit is passed over. A customer sees its own.',
    complexity: pageCost,
    args: {
      sku: t.arg.string({
        required: true,
        description: 'What they wait for. Nobody waits for an unknown SKU.',
      }),
      first: t.arg.int({
        description: 'How many from the front, or behind `after`: 0 to 100, 20 by default.',
      }),
      after: t.arg.string({ description: 'Begin behind this cursor of the list.' }),
    },
    resolve: (_root, { sku, ...args }, { app, caller }) =>
      readPage(
        { name: `waitingOrders:${sku}`, keyOf: ({ id }: { id: string }) => id, isKey: isUuid },
        args,
        async (page) => {
          const ids = await listWaitingOrders(app, caller, {
            sku,
            after: page.key ?? null,
            sizeMax: page.sizeMax,
          })
          return readOrdersOf(app, ids)
        },
      ),
  }),
)
