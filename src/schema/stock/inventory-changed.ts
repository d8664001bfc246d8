import type { InventoryChange as Change, StockThreshold as Threshold } from '../../domain/stock/thresholds.ts'
import { cursorOf, placeOf } from '../../feed/stock-cursor.ts'
import { eachOf } from '../../feed/stock-watcher.ts'
import { builder } from '../builder.ts'
import { InventoryMovement, movementRowOf } from './inventory-movement.ts'

const StockThreshold = builder.enumType('StockThreshold', {
  description: 'What a change of stock crosses, by what can be promised of the SKU at all active locations.',
  values: {
    BACK: { description: 'It rose from 0.' },
    LOW: { description: "It fell to the item's `lowStockAt`, or below." },
    OUT: { description: 'It fell to 0.' },
  } as const satisfies Record<Threshold, object>,
})

const InventoryChange = builder.objectRef<Change>('InventoryChange').implement({
  description: 'A change of stock.',
  fields: (t) => ({
    cursor: t.string({
      description: '`after` resumes after it.',
      resolve: (change) => cursorOf(placeOf(change)),
    }),
    movement: t.field({
      type: InventoryMovement,
      description: 'What changed.',
      resolve: ({ movement, location }) => ({ ...movementRowOf(movement), location }),
    }),
    isRepeat: t.exposeBoolean('isRepeat', {
      description:
        'Whether the movement comes a second time, with the same `id`: what it crossed was known only once waiting orders were served. If you add up its deltas, skip it.',
    }),
    availableToPromise: t.expose('availableToPromise', {
      type: 'Quantity',
      description: 'What a new order can get of the SKU: as it is when the change is read.',
    }),
    crossed: t.expose('crossed', {
      type: [StockThreshold],
      description: 'The thresholds that the SKU crossed; none for most changes.',
    }),
  }),
})

builder.subscriptionField('inventoryChanged', (t) =>
  t.field({
    type: InventoryChange,
    description:
      'Every change of stock, whatever caused it; in order for each SKU and location. Without `after` from now on. It never completes. If a client is too slow, or the server stops, it ends with the error UNAVAILABLE over a WebSocket, and just ends by server-sent events: subscribe again with `after`. For operators and services.',
    args: {
      skus: t.arg.stringList({ description: 'Only of these SKUs, 1 to 1,000; of all if left out.' }),
      locations: t.arg.stringList({
        description: 'Only at the locations with these codes, 1 to 1,000; at all if left out.',
      }),
      after: t.arg.string({ description: 'The `cursor` of the last change that you have seen.' }),
    },
    subscribe: async (
      _root,
      { skus, locations, after },
      { app, caller, disconnected, transport, position },
    ) => {
      const watcher = await app.stockFeed.watch(
        caller,
        // who comes back by Last-Event-ID repeats the `after` that it began with
        { skus: skus ?? null, locations: locations ?? null, after: position?.seen ?? after ?? null },
        transport,
        disconnected,
      )
      return eachOf(watcher, (change) => {
        if (position) position.id = cursorOf(placeOf(change))
      })
    },
    resolve: (change, _args, { excess }) => {
      // each event is an answer of its own
      excess.clear()
      return change
    },
  }),
)
