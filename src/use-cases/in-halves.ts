import { isUnavailable } from '../database/unavailable.ts'

/** When what could not be done is tried again: by then somebody may have repaired what it was for. */
export const PASSED_OVER_MS = 60_000

/** What could not be done, by id, and when each is tried again, by `performance.now()`. */
export type PassedOver = Map<string, number>

/** Forgets what is due again. @returns the ids that are still passed over */
export function stillPassedOver(passedOver: PassedOver): string[] {
  const nowMs = performance.now()
  for (const [id, untilMs] of passedOver) if (untilMs <= nowMs) passedOver.delete(id)
  return [...passedOver.keys()]
}

/**
 * Does work on a batch in one transaction. If that fails for another reason than the database being away, the batch is halved until
 * those at fault are alone. They are passed over for a while: they hold up no other.
 *
 * @param transact does the work on the ids, or without ids on the next batch, in a transaction; tells what it has locked
 * @param onFault hears of each that is passed over
 * @returns the results of all transactions that committed
 * @throws what says that the database is away or does not keep up, and what fails before anything is locked
 */
export async function inHalves<Result>(
  transact: (among: readonly string[] | null, onLocked: (ids: readonly string[]) => void) => Promise<Result>,
  passedOver: PassedOver,
  onFault: (id: string, error: unknown) => void,
): Promise<Result[]> {
  const results: Result[] = []
  async function run(among: readonly string[] | null): Promise<void> {
    let ids: readonly string[] = []
    const onLocked = (locked: readonly string[]) => {
      ids = locked
    }
    try {
      results.push(await transact(among, onLocked))
    } catch (error) {
      const [first] = ids
      if (first === undefined || isUnavailable(error)) throw error
      if (ids.length === 1) {
        passedOver.set(first, performance.now() + PASSED_OVER_MS)
        onFault(first, error)
        return
      }
      const middle = Math.ceil(ids.length / 2)
      await run(ids.slice(0, middle))
      await run(ids.slice(middle))
    }
  }
  await run(null)
  return results
}
