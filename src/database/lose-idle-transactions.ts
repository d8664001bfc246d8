import { IDLE_TRANSACTION_MAX_MS } from '../limits.ts'

/**
 * For a connection's `options`. A process that is frozen in the middle of a transaction would keep its locks for as long:
 * nobody could reserve what it has locked. It finds its transaction gone when it wakes up.
 */
export const LOSE_IDLE_TRANSACTIONS = `-c idle_in_transaction_session_timeout=${IDLE_TRANSACTION_MAX_MS}`
