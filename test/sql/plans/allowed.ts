import { DONE, EXERCISED_MAX, OPEN, WAITING } from './store-rows.ts'

/** Statements that are to look at more, and why. */
export const ALLOWED: Record<string, number> = {
  // COUNTED_MAX of each state, of ready jobs and of dead letters
  'read-status': 50_000,
  // COUNTED_MAX of the jobs, whatever they are about
  'count-jobs': 10_001,
  'find-jobs-of': 10_001,
  // every open order and every job, each a few times: never one for each of the other
  'find-orphans': 3 * OPEN,
  // every job, once
  'find-unknown-holders': OPEN + 1_000,
  'lock-dead-jobs': OPEN + 1_000,
  'requeue-lost-queues': OPEN + 1_000,
  // a worker has died: no index lists what each holds
  'rescue-jobs-of': OPEN + 1_000,
  // every line that waits for the SKU
  'sum-backorders': WAITING + EXERCISED_MAX,
  // a short ledger, once for each level of a page
  'find-count-sheet-page': 50 * EXERCISED_MAX,
  // a customer's own orders, where it has none of the SKU
  'list-older-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // no index has SKU and state: open orders of a rare SKU, and those in a rare state of a common one
  'list-older-sku-orders': OPEN + EXERCISED_MAX,
  'list-newer-sku-orders': OPEN + EXERCISED_MAX,
  'list-older-sku-line-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-sku-line-orders': OPEN + DONE + EXERCISED_MAX,
  // a customer's own orders, where it has no hold
  'list-older-hold-customer-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-hold-customer-orders': OPEN + DONE + EXERCISED_MAX,
  'list-older-hold-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-hold-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // or none of the SKU
  'list-older-firm-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  'list-newer-firm-customer-sku-orders': OPEN + DONE + EXERCISED_MAX,
  // every hold, where none is of the SKU
  'list-older-hold-sku-orders': WAITING + EXERCISED_MAX,
  'list-newer-hold-sku-orders': WAITING + EXERCISED_MAX,
}
