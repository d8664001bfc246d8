import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const RETRIED_SQLSTATES = new Set(['40001', '40P01'])
/** Transactions that collide three times in a row, after random delays, have another problem. */
const COLLISION_TRIES_MAX = 3
const COLLISION_DELAY_MAX_MS = 50

/**
 * Runs `work`, and retries it after a deadlock or a serialization failure: three tries in all.
 *
 * @param work a transaction, without effects outside of it
 * @param onCollision called before each retry
 */
export async function retryCollisions<Result>(
  work: () => Promise<Result>,
  onCollision: (error: pg.DatabaseError, tries: number) => void = () => {},
): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await work()
    } catch (error) {
      if (!isCollision(error) || tries === COLLISION_TRIES_MAX) throw error
      onCollision(error, tries)
      await sleep(Math.random() * COLLISION_DELAY_MAX_MS)
    }
  }
}

/** Whether a transaction failed because of another one. It had no effect, and PostgreSQL's documentation says to retry. */
function isCollision(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && RETRIED_SQLSTATES.has(error.code ?? '')
}
