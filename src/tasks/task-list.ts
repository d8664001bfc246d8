import type { TaskList } from 'graphile-worker'
import type { Job } from '../domain/upkeep/jobs.ts'
import { checkSupplierStatusTask, requestSupplierTask } from './call-supplier.ts'
import type { TaskContext, TaskOf } from './define-task.ts'
import { reserveInventoryTask } from './reserve-inventory.ts'
import { serveWaitingTask } from './serve-waiting.ts'
import { sendWebhooksTask } from './webhooks/send-webhooks.ts'

/** The tasks that need only the database. */
export const RESERVATION_TASKS = {
  'reserve-inventory': reserveInventoryTask,
  'serve-waiting': serveWaitingTask,
} satisfies Partial<Record<Job['task'], TaskOf>>

/** The tasks that wait for receivers of webhooks. */
export const WEBHOOK_TASKS = { 'send-webhooks': sendWebhooksTask } satisfies Partial<
  Record<Job['task'], TaskOf>
>

/** The tasks that wait for the supplier. */
export const SUPPLIER_TASKS: Record<
  Exclude<Job['task'], keyof typeof RESERVATION_TASKS | keyof typeof WEBHOOK_TASKS>,
  TaskOf
> = {
  'request-supplier': requestSupplierTask,
  'check-supplier-status': checkSupplierStatusTask,
}

export function createTaskList(tasks: Record<string, TaskOf>, context: TaskContext): TaskList {
  return Object.fromEntries(
    Object.entries(tasks).map(([identifier, taskOf]) => [identifier, taskOf(context)]),
  )
}
