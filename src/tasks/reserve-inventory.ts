import { orderPayload } from '../use-cases/job-payloads.ts'
import { defineTask, type TaskOf } from './define-task.ts'

/** Reserves an order's quantity, together with whatever else is to be reserved at this moment. */
const reserve = defineTask(orderPayload, async ({ app }, { orderId }) => {
  await app.groups.reserveInventory.submit({ orderId })
})

/** The same, and makes place for another job once those that nobody has fetched had their turn. */
export const reserveInventoryTask: TaskOf = (context) => {
  const run = reserve(context)
  return async (payload, helpers) => {
    await run(payload, helpers)
    await context.backlog.takeTurn()
  }
}
