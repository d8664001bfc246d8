import { type Job, type OrderRef, ordersOf } from './jobs.ts'

/** A job of one order that was given up, with its tries and its last error. */
export type DeadLetter = {
  task: Job['task']
  /** `sku` and `step` of a supplier's call. */
  payload: OrderRef & { sku?: string | undefined; step?: number }
  error: string
  /** Tries, the last included. */
  attempts: number
}

/** Enough for the first lines, which say what went wrong. */
export const ERROR_LENGTH_MAX = 2_000

/** Returns the dead letter of a job; null for a job of several orders, because only one may be at fault. */
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
