import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'

const RETRIED_SQLSTATES = new Set(['40001', '40P01'])
/** Two that collide three times in a row, each time at another moment, have another problem. */
const COLLISION_TRIES_MAX = 3
const COLLISION_DELAY_MAX_MS = 50

/**
 * Runs `work`, and again after a deadlock or a serialization failure, three times in all.
 *
 * @param work a transaction: it must have no effect outside of it
 * @param onCollision hears of each that is followed by another try
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

/** Whether another transaction was in the way: nothing was done, and trying again is the documented answer. */
function isCollision(error: unknown): error is pg.DatabaseError {
  return error instanceof pg.DatabaseError && RETRIED_SQLSTATES.has(error.code ?? '')
}
