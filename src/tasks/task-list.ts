import type { TaskList } from 'graphile-worker'
import type { Job } from '../domain/jobs.ts'
import { checkSupplierStatusTask } from './check-supplier-status.ts'
import type { TaskContext, TaskOf } from './define-task.ts'
import { requestSupplierTask } from './request-supplier.ts'
import { reserveInventoryTask } from './reserve-inventory.ts'

const TASKS: Record<Job['task'], TaskOf> = {
  'reserve-inventory': reserveInventoryTask,
  'request-supplier': requestSupplierTask,
  'check-supplier-status': checkSupplierStatusTask,
}

/** Every task by its identifier, for a worker. */
export function createTaskList(context: TaskContext): TaskList {
  return Object.fromEntries(
    Object.entries(TASKS).map(([identifier, taskOf]) => [identifier, taskOf(context)]),
  )
}
