import { inTransaction, type TransactionContext } from '../../database/transaction.ts'
import { allowFullRead, type Breach, findBreaches, INVARIANTS } from '../../sql/upkeep/find-breaches.ts'
import { cancelBackend, claimDueCheck, findBackend, noteCheck } from '../../sql/upkeep/invariant-checks.ts'
import type { UpkeepContext } from '../context.ts'

/**
 * Checks invariants. Changes nothing.
 *
 * @param invariant the one to check; null for all, at one moment
 */
export async function checkInvariants(
  context: TransactionContext,
  invariant: string | null = null,
  signal?: AbortSignal,
): Promise<Breach[]> {
  return inTransaction(context, 'check-invariants', async (tx) => {
    await allowFullRead(tx)
    const [backend] = await findBackend(tx)
    const cancel = () => void cancelBackend(context.pool, backend!.pid).catch(() => {})
    signal?.throwIfAborted()
    signal?.addEventListener('abort', cancel)
    try {
      return await findBreaches(tx, invariant)
    } finally {
      signal?.removeEventListener('abort', cancel)
    }
  })
}

/**
 * Checks the invariant whose last check is the oldest, if that was `intervalMs` ago or longer. Only one of several processes
 * does so, one invariant at a time: a long statement would hold up the vacuum. Writes the result for the metrics. Repairs nothing:
 * people decide.
 *
 * @returns the invariant and its breaches; null if no check is due
 */
export async function checkNextInvariant(
  context: UpkeepContext,
  intervalMs: number,
  signal?: AbortSignal,
): Promise<{ invariant: string; breaches: Breach[] } | null> {
  const [due] = await claimDueCheck(context.pool, INVARIANTS, intervalMs)
  if (!due) return null
  const { invariant } = due
  const breaches = await checkInvariants(context, invariant, signal)
  await noteCheck(context.pool, invariant, breaches.length)
  if (breaches.length > 0) context.onUpkeep({ kind: 'invariant-broken', invariant, breaches })
  return { invariant, breaches }
}
