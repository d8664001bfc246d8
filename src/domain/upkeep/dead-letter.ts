import { type Job, type OrderRef, ordersOf } from './jobs.ts'

/** Work for one order that was given up: what was to be done, how often it was tried, and what went wrong the last time. */
export type DeadLetter = {
  task: Job['task']
  /** `sku` and `step` of a supplier's call. */
  payload: OrderRef & { sku?: string | undefined; step?: number }
  error: string
  /** Tries, the last included. */
  attempts: number
}

/** An error tells what went wrong in its first lines. */
export const ERROR_LENGTH_MAX = 2_000

/** What a job leaves when it is given up: null where it is about several orders, of which only one may be to blame. */
export function deadLetterOf(
  { task, payload }: Job,
  { error, attempts }: Pick<DeadLetter, 'error' | 'attempts'>,
): DeadLetter | null {
  const [order, ...others] = ordersOf(payload)
  if (!order || others.length > 0) return null
  if (!('step' in payload)) return { task, payload: order, error, attempts }
  const { sku, step } = payload
  return { task, payload: { ...order, sku, step }, error, attempts }
}
