import { defineTask, orderPayload } from './define-task.ts'

/** Reserves an order's quantity, together with whatever else is to be reserved at this moment. */
export const reserveInventoryTask = defineTask(orderPayload, async ({ app }, { orderId }) => {
  await app.groups.reserveInventory.submit({ orderId })
})
